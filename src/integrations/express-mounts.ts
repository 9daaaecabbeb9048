import { InvalidArgumentError } from '../errors.ts';
import { isMounted, type Layer, type Match, matchOf } from './express-routes.ts';

/** What is needed of an application of Express. */
export interface Application {
  readonly router: { readonly stack: readonly Layer[] };
  /** The one in which it was mounted last. */
  readonly parent?: Application | undefined;
  /** As it was mounted last; several are a list. */
  readonly mountpath?: unknown;
}

/** Throws {@link InvalidArgumentError} for an application of Express 4, which has no `router` that could be read. */
export function routerOf(app: Pick<Application, 'router'>): Application['router'] {
  if ('lazyrouter' in app) throw new InvalidArgumentError('sealog/express', 'Express 5', '4.x', '4.x');
  return app.router;
}

/** The path of a mount that cannot be found: what the client sent is no name. */
const UNKNOWN_MOUNT = '/(unknown mount)';

/**
 * The beginning of a path that an application's mounts took, and how they were declared. Express keeps the last mount of
 * each, so for one that is mounted more than once it is the longest that matches, and else what Express itself took.
 */
export function mountOf({ parent, mountpath }: Application, baseUrl: string, path: string): Match {
  if (!parent) return { path: '', pattern: '' };
  const outer = mountOf(parent, baseUrl, path);
  const taken = baseUrl.slice(outer.path.length);
  const matches = routerOf(parent)
    .stack.filter(isMounted)
    .flatMap((layer) => {
      return matchOf(layer, path.slice(outer.path.length) || '/') || [];
    });
  const last = matches.find(({ pattern }) => [mountpath].flat().includes(pattern === '' ? '/' : pattern));
  const unknown = { path: taken, pattern: taken && UNKNOWN_MOUNT };
  const [longest = unknown] = matches.toSorted((a, b) => b.path.length - a.path.length);
  const mount = last ?? longest;
  return { path: outer.path + mount.path, pattern: `${String(outer.pattern)}${String(mount.pattern)}` };
}
