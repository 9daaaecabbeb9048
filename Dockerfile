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
# Fails when the database cannot be reached or is not migrated. Each one is a process of its own, hence the interval.
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 CMD ["node", "dist/bin.js", "status"]
ENTRYPOINT ["node", "dist/bin.js"]
CMD ["worker"]
