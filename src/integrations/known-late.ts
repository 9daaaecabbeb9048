import { type Actor, checkNewEntry, type NewEntry } from '../audit-log/entry.ts';
import { storableText } from '../audit-log/storable-text.ts';
import { InvalidArgumentError } from '../errors.ts';
import { mergedDetails } from './merged-details.ts';
import type { AuditOptions } from './options.ts';

/** The actor of a request that was refused, where `actor` throws for whom it does not know. It is not asked again. */
export const NOBODY: Actor = { kind: 'anonymous' };

/** Calls a function of the service, for a second at most. What it throws is logged, and becomes undefined. */
export type Ask = <T>(what: string, answer: () => T | Promise<T>) => Promise<T | undefined>;

/**
 * Details with what became known after the entry was begun: `actor` of an entry that was begun as anonymous, `tenant` of
 * one that was begun without. The columns for both stay as they were begun, because nothing may change them.
 */
export async function withLateIdentity<Request, Reply>(
  details: NewEntry['details'],
  begun: NewEntry,
  request: Request,
  options: Pick<AuditOptions<Request, Reply>, 'actor' | 'tenant'>,
  ask: Ask,
): Promise<NewEntry['details']> {
  const isAnonymous = begun.actor.kind === 'anonymous' && begun.actor !== NOBODY;
  const late = {
    ...(isAnonymous && {
      actor: await ask('actor', async () => storableActor(await options.actor(request))),
    }),
    ...(options.tenant !== undefined &&
      (begun.tenantId ?? undefined) === undefined && {
        tenant: await ask('tenant', async () => storableTenant(await options.tenant?.(request))),
      }),
  };
  const known = Object.fromEntries(Object.entries(late).filter(([, value]) => value !== undefined));
  if (Object.keys(known).length === 0) return details;
  // First, because of details that are too large only the beginning is kept; and in place of the service's own.
  return mergedDetails(known, details ?? begun.details, known);
}

function storableActor(actor: Actor): object | undefined {
  checkNewEntry({ operationId: 'asked again', actor });
  if (actor.kind === 'anonymous') return undefined;
  return { kind: actor.kind, ...(actor.id !== undefined && { id: storableText(actor.id) }) };
}

function storableTenant(tenant: unknown): string | null | undefined {
  if ((tenant ?? '') === '') return undefined;
  if (typeof tenant !== 'string') throw new InvalidArgumentError('tenant', 'text', tenant);
  return storableText(tenant);
}
