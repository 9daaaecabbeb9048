import type { AuditedService } from './service.ts';
import { sendTo } from './service.ts';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'];

/** The operations of an OpenAPI document, of a service in whatever language that answers at `url`. */
export function openApiService(
  document: { readonly paths?: Readonly<Record<string, unknown>> | undefined },
  { url }: { readonly url: string },
): AuditedService {
  const base = url.replace(/\/$/, '');
  const routes = Object.entries(document.paths ?? {}).flatMap(([path, operations]) =>
    METHODS.filter((method) => Object.hasOwn(Object(operations) as object, method)).map((method) => ({
      method: method.toUpperCase(),
      path,
    })),
  );
  return {
    connect: async () => ({
      routes,
      problems: [],
      send: (request) => sendTo(base, request),
      async [Symbol.asyncDispose]() {},
    }),
  };
}
