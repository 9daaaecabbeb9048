# sealog as a container: `docker run … sealog migrate` once, then any number of `docker run … sealog worker`.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install script is needed to compile; without them nothing but the registry is asked.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim
LABEL org.opencontainers.image.title="sealog" \
      org.opencontainers.image.description="The audit log's migrations and the worker that completes its stale entries" \
      org.opencontainers.image.licenses="MIT"
# Also makes DATABASE_URL a must: in production there is no embedded PostgreSQL to fall back to.
ENV NODE_ENV=production
# Health, readiness and metrics of a worker. In a container nobody could ask for them at the default, 127.0.0.1.
ENV SEALOG_HTTP_HOST=0.0.0.0
EXPOSE 9464
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY config ./config
COPY migrations ./migrations
COPY --from=build /app/dist ./dist
# Everything above belongs to root: the program needs to write nowhere, so the root file system may be read-only.
USER node

# The worker drains on it within shutdown.graceSeconds (25): give it longer than that before it is killed. It handles
# signals itself, so it can be process 1 as it is.
STOPSIGNAL SIGTERM
# Of a worker: whether its event loop and its polling move. A database that is down is no reason to restart it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["node", "-e", \
  "fetch(`http://127.0.0.1:${process.env.SEALOG_HTTP_PORT ?? 9464}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/bin.js"]
CMD ["worker"]
