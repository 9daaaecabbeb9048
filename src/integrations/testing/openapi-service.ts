import { checkObject, InvalidArgumentError } from '../../errors.ts';
import { type AuditedService, type CallableRoute, sendTo, valueOf } from './service.ts';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'];

/** What is needed of an OpenAPI document. */
export interface OpenApiDocument {
  readonly servers?: readonly { readonly url?: unknown }[] | undefined;
  readonly paths?: Readonly<Record<string, unknown>> | undefined;
}

interface Operation {
  readonly operationId?: unknown;
  readonly servers?: unknown;
}

/**
 * The operations of an OpenAPI document, of a service in whatever language that answers at `url`. What the document
 * tells in a way that this cannot follow is a problem: references, methods of its own, and paths of servers that `url`
 * does not end with.
 */
export function openApiService(document: OpenApiDocument, options: { readonly url: string }): AuditedService {
  checkDocument(document);
  checkObject('options', options);
  const { url } = options;
  checkUrl(url);
  const base = url.replace(/\/$/, '');
  const problems: string[] = [];
  const servers = (document.servers ?? []).map((server) => pathOf(String(server.url)));
  if (servers.length > 0 && !servers.some((path) => base.endsWith(path))) {
    problems.push(`servers: expected a url that ends with ${servers.join(' or ')}, got ${url}`);
  }
  const routes: CallableRoute[] = [];
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    const operations = Object(item) as Readonly<Record<string, Operation | undefined>>;
    for (const name of ['$ref', 'additionalOperations', 'servers']) {
      if (operations[name] !== undefined) problems.push(`${path}: expected operations, got ${name}`);
    }
    for (const name of METHODS) {
      const operation = operations[name];
      if (operation === undefined) continue;
      if (operation.servers !== undefined)
        problems.push(`${path}, ${name}: expected the servers of the document, got servers`);
      routes.push(routeOf(name.toUpperCase(), path, operation));
    }
  }
  return {
    connect: async () => ({
      routes,
      problems,
      fill: (path, params) => path.replaceAll(/\{([^}]+)\}/g, (_all, name: string) => valueOf(params, name)),
      send: async (request) => ({ ...(await sendTo(base, request)), reachedHandler: undefined }),
      async [Symbol.asyncDispose]() {},
    }),
  };
}

/** A document that is still text is the usual mistake. */
function checkDocument(document: OpenApiDocument): void {
  checkObject('document', document);
  const { servers, paths } = document;
  if (servers && !Array.isArray(servers)) throw new InvalidArgumentError('document.servers', 'a list', servers);
  if (paths) checkObject('document.paths', paths);
}

function checkUrl(url: string): void {
  if (typeof url === 'string' && /^https?:/i.test(url) && URL.canParse(url)) return;
  throw new InvalidArgumentError('url', 'an http or https URL', url);
}

function routeOf(method: string, path: string, { operationId }: Operation): CallableRoute {
  const name = `${method} ${path}`;
  // As the document has it, and as frameworks write the same.
  const names = [operationId, name, name.replaceAll(/\{([^}]+)\}/g, ':$1')];
  return { method, path, name, operations: names.filter((text) => typeof text === 'string') };
}

/** The path of a server's URL, without what comes before it and a slash at its end. */
function pathOf(server: string): string {
  return server.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').replace(/\/$/, '');
}
