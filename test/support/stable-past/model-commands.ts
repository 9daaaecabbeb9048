import { expect } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { listAs } from '../../../src/list.ts';
import { auditLogDatabase } from '../../../src/store/database.ts';
import { toEntry } from '../../../src/store/select-entries.ts';
import { timeoutStaleEntries } from '../../../src/store/timeout-stale-entries.ts';
import { waitUntil } from '../wait.ts';
import { setClock } from './disturbances.ts';
import type { SeenEntry } from './history.ts';
import type { Model, Real } from './model.ts';
import { COMPLETE_BY_CURSOR } from './writer-steps.ts';

type Command = fc.AsyncCommand<Model, Real>;
type Run = (model: Model, real: Real) => Promise<void>;

/** A command whose name is what a failing run prints. */
function command(name: string, can: (model: Model) => boolean, run: Run): Command {
  return { check: can, run, toString: () => name };
}

/** Entries that no open transaction has completed: the others would make the command wait. */
const free = ({ incomplete, open }: Model): string[] => {
  const held = new Set(open.flat().map(({ id }) => id));
  return incomplete.filter((id) => !held.has(id));
};

const STAMP = `to_char(time_completed at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "timeCompleted"`;

const begin = (): Command =>
  command(
    'begin',
    () => true,
    async (model, { auditLog }) => {
      model.incomplete.push((await auditLog.begin({ operationId: 'modelled', actor: { kind: 'system' } })).id);
    },
  );

const complete = (index: number): Command =>
  command(
    `complete(${index})`,
    (model) => free(model).length > 0,
    async (model, { auditLog }) => {
      const id = pick(free(model), index);
      const outcome = await auditLog.complete(id, { kind: 'success' });
      expect(outcome.status).toBe('completed');
      if (outcome.status === 'completed')
        model.complete({ id, timeCompleted: outcome.timeCompleted, result: 'success' });
    },
  );

/** An outcome that comes when the entry is closed: an amendment the first time, and nothing after that. */
const completeAgain = (index: number): Command =>
  command(
    `completeAgain(${index})`,
    ({ past }) => past.size > 0,
    async (model, { auditLog, pool }) => {
      const { id, result } = pick([...model.past.values()], index);
      const amends = result === 'unknown' && !model.amended.has(id);
      const outcome = await auditLog.complete(id, { kind: 'error', message: 'late' });
      expect(outcome.status).toBe(amends ? 'amended' : 'already-completed');
      if (outcome.status !== 'amended') return;
      model.amended.add(id);
      const { rows } = await pool.query<{ timeCompleted: string }>(
        `select ${STAMP} from sealog.audit_log where id = $1 and amends = $2`,
        [outcome.amendmentId, id],
      );
      model.complete({ id: outcome.amendmentId, ...rows[0]!, result: 'error' });
    },
  );

/** A transaction that stays open: it has begun, and completed some entries or none yet. */
const open = (isolation: string, entries: number): Command =>
  command(
    `open(${isolation}, ${entries})`,
    (model) => model.open.length < 3,
    async (model, real) => {
      const client = await real.connect();
      await client.query(`begin isolation level ${isolation}`);
      await client.query('select');
      real.open.push(client);
      model.open.push([]);
      for (const id of free(model).slice(0, entries)) model.open.at(-1)!.push(await completeIn(client, id));
    },
  );

const completeMore = (index: number): Command =>
  command(
    `completeMore(${index})`,
    (model) => model.open.length > 0 && free(model).length > 0,
    async (model, real) => {
      // The first statement of its transaction may be long ago.
      const at = index % model.open.length;
      const client = real.open[at]!;
      const id = pick(free(model), index);
      if (!(await sees(client, id))) return;
      model.open[at]!.push(await completeIn(client, id));
    },
  );

/** By a cursor of which a later FETCH fails inside a savepoint, in a transaction that commits after somebody has read. */
const completeByCursor = (level: string, index: number): Command =>
  command(
    `completeByCursor(${level}, ${index})`,
    (model) => free(model).length > 0,
    async (model, real) => {
      const id = pick(free(model), index);
      const client = await real.connect();
      await client.query(`begin isolation level ${level}`);
      await client.query(COMPLETE_BY_CURSOR(id));
      await client.query('fetch completions');
      await client.query('savepoint later');
      await expect(client.query('fetch completions')).rejects.toThrow('the second row');
      await client.query('rollback to savepoint later');
      const { rows } = await client.query<{ timeCompleted: string }>(
        `select ${STAMP} from sealog.audit_log where id = $1`,
        [id],
      );
      model.upTo((await real.auditLog.list({ limit: 1 })).horizon);
      await client.query('commit');
      await client.end();
      model.complete({ id, ...rows[0]!, result: 'success' });
    },
  );

/** Somebody seals in a transaction, and stays in it. What was answered is a horizon like any other. */
const sealAndStay = (isolation: string): Command =>
  command(
    `sealAndStay(${isolation})`,
    () => true,
    async (model, real) => {
      const client = await real.connect();
      real.idle.push(client);
      await client.query(`begin isolation level ${isolation}`);
      const { rows } = await client.query<{ timeCompleted: string }>(
        `select ${STAMP.replace('time_completed', 'sealog.audit_log_seal()')}`,
      );
      model.upTo(rows[0]!.timeCompleted);
    },
  );

const commit = (index: number): Command =>
  command(
    `commit(${index})`,
    (model) => model.open.length > 0,
    async (model, real) => {
      const { client, done } = take(model, real, index);
      await client.query('commit');
      for (const entry of done) model.complete(entry);
      await client.end();
    },
  );

/** Its process is gone, in the middle of the transaction. */
const crash = (index: number): Command =>
  command(
    `crash(${index})`,
    (model) => model.open.length > 0,
    async (model, real) => {
      const { client } = take(model, real, index);
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      await real.pool.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
      await waitUntil('the backend is gone', async () => {
        return (await real.pool.query('select from pg_stat_activity where pid = $1', [rows[0]!.pid])).rowCount === 0;
      });
      await client.end().catch(() => {});
    },
  );

const timeout = (limit: number): Command =>
  command(
    `timeout(${limit})`,
    () => true,
    async (model, { pool }) => {
      const expected = free(model).length;
      const cutoff = '9999-12-31T00:00:00.000000Z';
      const { sampleIds } = await timeoutStaleEntries(auditLogDatabase(pool, 'sealog'), { cutoff, limit });
      expect(sampleIds).toHaveLength(Math.min(expected, limit));
      const { rows } = await pool.query<{ id: string; timeCompleted: string }>(
        `select id, ${STAMP} from sealog.audit_log where id = any($1)`,
        [sampleIds],
      );
      for (const row of rows) model.complete({ ...row, result: 'unknown' });
    },
  );

const step = (aheadMs: number): Command =>
  command(
    `step(${aheadMs})`,
    () => true,
    async (_, { pool }) => await setClock(pool, aheadMs),
  );

/** All of the past in both orders, and what a tail has not read yet. */
const list = (limit: number): Command =>
  command(
    `list(${limit})`,
    () => true,
    async (model, { auditLog, pool, tail }) => {
      const { rows } = await pool.query<{ now: string }>(
        `select to_char(sealog.audit_log_clock() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
      );
      const whole = await auditLog.list({ limit: 1000 });
      expect(whole.horizon >= model.horizon).toBe(true);
      expect(whole.entries.map(seen)).toEqual(model.upTo(whole.horizon));
      // As far as the clock, unless an open transaction holds it.
      if (model.open.length === 0) expect(whole.horizon >= rows[0]!.now).toBe(true);

      const backwards = await auditLog.list({ limit: 1000, order: 'descending' });
      expect(backwards.entries.map(seen)).toEqual(model.upTo(backwards.horizon).toReversed());
      const page = await auditLog.list({ limit, after: tail.after });
      tail.after = page.next;
      tail.ids.push(...page.entries.map(({ id }) => id));
      const read = model.upTo(page.horizon).map(({ id }) => id);
      expect(tail.ids).toEqual(page.entries.length < limit ? read : read.slice(0, tail.ids.length));
    },
  );

/** A follower, which is content with what was sealed lately: but not when the horizon is ahead of a clock that was set back. */
const follow = (): Command =>
  command(
    'follow',
    () => true,
    async (model, { pool, follower }) => {
      const before = await readHorizon(pool);
      const query = { limit: 1000, after: follower.after };
      const page = await listAs(auditLogDatabase(pool, 'sealog'), query, { form: toEntry, withinMs: 500 });
      follower.after = page.next;
      follower.ids.push(...page.entries.map(({ id }) => id));
      // It may state an older horizon than before, where that one has not been published: what it has read stays read.
      if (page.horizon > follower.horizon) follower.horizon = page.horizon;
      expect(follower.ids).toEqual(model.upTo(follower.horizon).map(({ id }) => id));
      const { clock } = await readHorizon(pool);
      // It was ahead all the while, and nothing was in the way.
      if (before.sealed > clock && model.open.length === 0) expect(page.horizon > before.sealed).toBe(true);
    },
  );

const TEXT = (instant: string): string => `to_char(${instant} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

async function readHorizon(pool: pg.Pool): Promise<{ readonly sealed: string; readonly clock: string }> {
  const { rows } = await pool.query<{ sealed: string; clock: string }>(
    `select ${TEXT('sealed')} as sealed, ${TEXT('sealog.audit_log_clock()')} as clock from sealog.audit_log_horizon`,
  );
  return rows[0]!;
}

/** What a reader gets who can seal nothing: a past that is whole up to a horizon, however old. */
const listReadOnly = (): Command =>
  command(
    'listReadOnly',
    () => true,
    async (model, { readOnly }) => {
      const page = await readOnly.list({ limit: 1000 });
      expect(page.entries.map(seen)).toEqual(model.upTo(page.horizon));
    },
  );

const index = fc.nat({ max: 20 });
const isolation = fc.constantFrom('read committed', 'repeatable read');
export const commands: fc.Arbitrary<Command>[] = [
  fc.constant(null).map(begin),
  fc.constant(null).map(begin),
  index.map(complete),
  index.map(completeAgain),
  fc.tuple(isolation, fc.nat({ max: 3 })).map(([level, entries]) => open(level, entries)),
  index.map(completeMore),
  fc.tuple(isolation, index).map(([level, at]) => completeByCursor(level, at)),
  isolation.map(sealAndStay),
  index.map(commit),
  index.map(crash),
  fc.integer({ min: 1, max: 5 }).map(timeout),
  fc.integer({ min: -5000, max: 5000 }).map(step),
  fc.constantFrom(0, 20_000).map(step),
  fc.integer({ min: 1, max: 6 }).map(list),
  fc.integer({ min: 1, max: 6 }).map(list),
  fc.constant(null).map(follow),
  fc.constant(null).map(listReadOnly),
];

function seen({
  id,
  timeCompleted,
  result,
}: {
  id: string;
  timeCompleted: string;
  result: { kind: string };
}): SeenEntry {
  return { id, timeCompleted, result: result.kind };
}

function pick<T>(items: readonly T[], at: number): T {
  return items[at % items.length]!;
}

function take(model: Model, real: Real, at: number): { client: pg.Client; done: SeenEntry[] } {
  const place = at % model.open.length;
  return { client: real.open.splice(place, 1)[0]!, done: model.open.splice(place, 1)[0]! };
}

async function completeIn(client: pg.Client, id: string): Promise<SeenEntry> {
  const { rows } = await client.query<{ timeCompleted: string }>(
    `update sealog.audit_log set result_kind = 'success' where id = $1 and time_completed is null returning ${STAMP}`,
    [id],
  );
  return { id, ...rows[0]!, result: 'success' };
}

/** An older snapshot does not hold what was begun after it. */
async function sees(client: pg.Client, id: string): Promise<boolean> {
  return (await client.query('select from sealog.audit_log where id = $1', [id])).rowCount === 1;
}
