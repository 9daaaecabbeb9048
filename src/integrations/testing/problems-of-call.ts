import type { Entry } from '../../audit-log/listing.ts';
import { NO_ROUTE } from '../route-rule.ts';
import type { Call } from './calls.ts';
import type { AuditCoverageOptions } from './options.ts';
import type { CallableRoute } from './service.ts';

/** What is wrong with the entries that a call left. */
export function problemsOfCall(
  { route, isAllowed, status, foundRoute, ranUnaudited, reachedAnother, unprovenTwins }: Call,
  entries: readonly Entry[],
  routes: ReadonlyMap<string, CallableRoute>,
  { anonymous = {} }: AuditCoverageOptions,
): string[] {
  const answered = `(answered ${status})`;
  const [entry] = entries;
  if (entry === undefined) return isAllowed ? [] : [`${route.name}: left no entry ${answered}`];
  const { operationId } = entry;
  if ((foundRoute ?? operationId).endsWith(NO_ROUTE)) return [`${route.name}: the call reached no route ${answered}`];
  const another = [operationId, foundRoute].find((name) => isOfAnother(name, route, routes));
  if (another !== undefined) {
    return [`${route.name}: the call left an entry of another route, ${another} ${answered}`];
  }
  if (isAllowed) return [`allow, ${route.name}: it does leave an entry, take it off the list`];
  const problems: string[] = [];
  if (ranUnaudited) {
    problems.push(
      `${route.name}: its handler ran before any entry was begun, put the middleware in front of it ${answered}`,
    );
  }
  if (unprovenTwins !== undefined) {
    problems.push(
      `${route.name}: ${unprovenTwins} routes have this name, and not all of them were called, put the middleware in front of them ${answered}`,
    );
  }
  if (entries.length > 1) {
    problems.push(`${route.name}: expected one entry of the call, got ${entries.length} ${answered}`);
  }
  if (!isSuccess(status)) return problems;
  if (reachedAnother) {
    problems.push(
      `${route.name}: an onRoute hook replaced its handler, and the call did not come to it, add that hook before sealogFastify ${answered}`,
    );
  }
  const isAnonymous = entries.some(({ actor }) => actor.kind === 'anonymous');
  const mayBe = Object.hasOwn(anonymous, route.name);
  if (isAnonymous && !mayBe)
    problems.push(`${route.name}: the call succeeded by an anonymous actor ${answered}${hint(entries)}`);
  if (!isAnonymous && mayBe) {
    problems.push(`anonymous, ${route.name}: it succeeds by somebody who is known, take it off the list`);
  }
  return problems;
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Where its entry is begun too early, the actor is known all the same. */
function hint(entries: readonly Entry[]): string {
  const isLate = entries.some(({ details }) => Object(Object(details).actor).kind !== undefined);
  return isLate ? ', who became known later: begin its entry behind what finds out who asks' : '';
}

/** What is called by a name that no route has may be of the service's own rule for names. */
function isOfAnother(
  name: string | undefined,
  own: CallableRoute,
  routes: ReadonlyMap<string, CallableRoute>,
): boolean {
  if (name === undefined || name === own.name || own.operations.includes(name)) return false;
  return routes.has(name) || [...routes.values()].some(({ operations }) => operations.includes(name));
}
