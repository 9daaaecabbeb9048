import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { createAuditLog } from '../../../src/index.ts';
import { PATIENCE_MS } from '../wait.ts';
import type { Random } from './random.ts';
import { LONG_STAY_MS, type WriterReport } from './writer-protocol.ts';

/** One connection's worth of a writer. */
export interface Session {
  readonly pool: pg.Pool;
  readonly random: Random;
  readonly tell: (report: WriterReport) => void;
  /** Entries that were begun and left, to be completed when the timeout may have closed them. */
  readonly abandoned: { readonly id: string; readonly dueMs: number }[];
}

type Client = Pick<pg.PoolClient, 'query'>;

/** Longer than it takes the timeout of these tests to close an entry. */
const LONGEST_ABSENCE_MS = 4000;
const LONGEST_STAY_MS = 300;

/** Plain SQL in autocommit: an entry is begun and completed. */
export async function completeOne(session: Session, client: Client): Promise<void> {
  const [id = ''] = await beginEntries(client, 1);
  if (session.random.chance(0.1)) abandon(session, id);
  else committed(session, await completeEntries(client, [id]), 'autocommit');
}

/** The library in autocommit. Late completions of entries that were abandoned become amendments. */
export async function completeByLibrary(session: Session): Promise<void> {
  const { pool, random } = session;
  const auditLog = createAuditLog({ pool, instanceId: 'writer', beginTimeoutMs: PATIENCE_MS });
  const due = takeDue(session);
  const id = due ?? (await auditLog.begin({ operationId: 'library', actor: { kind: 'user', id: 'u1' } })).id;
  if (due === undefined && random.chance(0.3)) return abandon(session, id);

  const success = random.chance(0.5);
  const completion = success ? ({ kind: 'success' } as const) : ({ kind: 'error', message: 'no such disk' } as const);
  const outcome = await auditLog.complete(id, completion);
  const completed = outcome.status === 'amended' ? [outcome.amendmentId, id] : [id];
  committed(session, completed, `library: ${outcome.status}`);
}

/**
 * A transaction that completes a few entries and commits late, with savepoints of which some are rolled back; some
 * have begun long before they complete anything, and some are rolled back themselves.
 */
export async function completeInTransaction(session: Session, client: Client): Promise<void> {
  const { random } = session;
  const isolation = random.pick(['read committed', 'read committed', 'repeatable read', 'serializable']);
  const entries = 1 + random.below(4);
  const begunOutside = random.chance(0.7);
  let ids = begunOutside ? await beginEntries(client, entries) : [];
  await client.query(`begin isolation level ${isolation}`);
  if (!begunOutside) ids = await beginEntries(client, entries);
  if (random.chance(0.3)) await delay(stayMs(random));

  const complete = random.pick([completeEntries, completeByCursor, completeByCursor, completeWithSavepoints]);
  const completed = await complete(client, ids, session);
  const due = takeDue(session);
  if (due !== undefined) completed.push(...(await completeOrAmend(client, due)));

  const forMs = stayMs(random);
  if (forMs >= LONG_STAY_MS && completed.length > 0) session.tell({ event: 'in-transaction', forMs });
  await delay(forMs);
  if (random.chance(0.15)) {
    await client.query('rollback');
    session.tell({ event: 'lost', reason: 'rolled back' });
    return;
  }
  await client.query('commit');
  committed(session, completed, `transaction, ${isolation}`);
}

/**
 * Completes the first entry by a cursor whose next FETCH fails inside a savepoint: what the first FETCH did stays, and so
 * must its lock. The others are left to the timeout.
 */
async function completeByCursor(client: Client, [id]: readonly string[]): Promise<string[]> {
  await client.query(COMPLETE_BY_CURSOR(id!));
  const { rows } = await client.query<{ id: string | null }>('fetch completions');
  await client.query('savepoint later');
  await client.query('fetch completions').catch((error: pg.DatabaseError) => {
    if (error.code !== 'P0001') throw error;
  });
  await client.query('rollback to savepoint later');
  return rows.flatMap((row) => row.id ?? []);
}

/** A cursor whose first row completes an entry and answers its id, if nobody else was faster, and whose second row fails. */
export const COMPLETE_BY_CURSOR = (id: string): string => `
  create or replace function pg_temp.complete_entry(entry uuid) returns uuid language plpgsql as $$
  declare completed uuid;
  begin
    if entry is null then raise exception 'the second row'; end if;
    update sealog.audit_log set result_kind = 'success' where id = entry and time_completed is null
      returning id into completed;
    return completed;
  end $$;
  declare completions cursor for select pg_temp.complete_entry(id) as id from unnest(array['${id}', null]::uuid[]) as id`;

async function completeWithSavepoints(client: Client, ids: readonly string[], session: Session): Promise<string[]> {
  return (await each(ids, async (id) => await completeWithSavepoint(session, client, id))).flat();
}

async function completeWithSavepoint(session: Session, client: Client, id: string): Promise<string[]> {
  const { random } = session;
  if (random.chance(0.2)) await delay(stayMs(random));
  if (random.chance(0.7)) return await completeEntries(client, [id]);
  await client.query('savepoint one');
  const completed = await completeEntries(client, [id]);
  if (random.chance(0.5)) return completed;
  // The shared lock that the savepoint took goes with it.
  await client.query('rollback to savepoint one');
  return [];
}

async function beginEntries(client: Client, entries: number): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into sealog.audit_log (operation_id, actor_kind) select 'plain', 'system' from generate_series(1, $1)
     returning id`,
    [entries],
  );
  return rows.map(({ id }) => id);
}

/** The ids of those that it has completed: others may have been faster. */
async function completeEntries(client: Client, ids: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `update sealog.audit_log set result_kind = 'success', http_status_code = 200
      where id = any($1) and time_completed is null returning id`,
    [ids],
  );
  return rows.map(({ id }) => id);
}

/** The same for an entry that the timeout may have closed: then its outcome is appended. */
async function completeOrAmend(client: Client, id: string): Promise<string[]> {
  const completed = await completeEntries(client, [id]);
  if (completed.length > 0) return completed;
  const { rows } = await client.query<{ id: string }>(
    `insert into sealog.audit_log (amends, result_kind)
     select id, 'success' from sealog.audit_log where id = $1 and result_kind = 'timeout'
     on conflict (amends) where amends is not null do nothing returning id`,
    [id],
  );
  return rows.map((amendment) => amendment.id);
}

function abandon({ random, abandoned }: Session, id: string): void {
  abandoned.push({ id, dueMs: performance.now() + random.below(LONGEST_ABSENCE_MS) });
}

function takeDue({ abandoned }: Session): string | undefined {
  const index = abandoned.findIndex(({ dueMs }) => dueMs <= performance.now());
  return index === -1 ? undefined : abandoned.splice(index, 1)[0]?.id;
}

/** Most are short, so that the rare long ones are overtaken by many. */
function stayMs(random: Random): number {
  return random.fraction() ** 2 * LONGEST_STAY_MS;
}

function committed({ tell }: Session, ids: readonly string[], how: string): void {
  if (ids.length > 0) tell({ event: 'committed', ids, how, at: new Date().toISOString() });
}

async function each<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await action(item));
  return results;
}
