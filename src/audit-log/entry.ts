import { checkObject, InvalidArgumentError } from '../errors.ts';
import type { Instant } from './instant.ts';

/** Who did it. `user` and `service` have an id, `anonymous` has none. Ids are kept to 512 characters. */
export type Actor =
  | { readonly kind: 'user' | 'service'; readonly id: string }
  | { readonly kind: 'system'; readonly id?: string | undefined }
  | { readonly kind: 'anonymous' };

/** What it was done to. Both are kept to 512 characters. */
export interface Resource {
  readonly type: string;
  readonly id?: string | undefined;
}

/**
 * What an entry is begun with. Only `operationId` and `actor` are yours to get right; everything else may come from a
 * client and never makes `begin` fail: characters that PostgreSQL cannot store become U+FFFD, overlong text is cut on
 * a character boundary, an address that is none is left out.
 */
export interface NewEntry {
  /** The name of the operation, 1 to 512 characters, e.g. `disk_create`. One of a small, fixed set. */
  readonly operationId: string;
  readonly actor: Actor;
  readonly tenantId?: string | undefined;
  readonly authMethod?: string | undefined;
  readonly credentialId?: string | undefined;
  readonly requestId?: string | undefined;
  /** Kept to 512 characters. It often holds what should not be recorded: leave out the query string if in doubt. */
  readonly requestUri?: string | undefined;
  /** IPv4 or IPv6. Port, brackets and zone (`%eth0`) are dropped, and an IPv4-mapped address is kept as IPv4. */
  readonly sourceIp?: string | undefined;
  /** Kept to 256 characters. */
  readonly userAgent?: string | undefined;
  readonly resource?: Resource | undefined;
  /** Any JSON object, at most 16 KiB as JSON; a larger one is replaced by its beginning and its size. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** An entry that has been begun: its operation may run now. */
export interface BegunEntry {
  /** UUIDv7. */
  readonly id: string;
  /** By the database's clock. */
  readonly timeStarted: Instant;
}

const ACTOR_KINDS: readonly string[] = ['user', 'service', 'system', 'anonymous'] satisfies Actor['kind'][];

/** Throws {@link InvalidArgumentError} for what can only be a mistake of the program that begins the entry. */
export function checkNewEntry(entry: NewEntry): void {
  checkObject('entry', entry);
  const { operationId, actor } = entry;
  if (typeof operationId !== 'string' || operationId.length === 0 || Array.from(operationId).length > 512) {
    throw new InvalidArgumentError('operationId', 'text of 1 to 512 characters', operationId);
  }
  if (!ACTOR_KINDS.includes(actor?.kind)) {
    throw new InvalidArgumentError('actor.kind', `one of ${ACTOR_KINDS.join(', ')}`, actor?.kind);
  }
  const id = 'id' in actor ? actor.id : undefined;
  if (actor.kind === 'anonymous' && id !== undefined) {
    throw new InvalidArgumentError('actor.id', 'nothing, because the actor is anonymous', id);
  }
  if ((actor.kind === 'user' || actor.kind === 'service') && (typeof id !== 'string' || id === '')) {
    throw new InvalidArgumentError('actor.id', `non-empty text, because the actor is a ${actor.kind}`, id);
  }
}
