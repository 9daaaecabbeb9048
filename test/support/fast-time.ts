import type pg from 'pg';
import { TIMINGS, type Timings } from '../../src/worker/timings.ts';

/** What to start instead of `src/bin.ts`. */
export const FAST_WORKER = 'test/support/fast-worker.ts';

/** How much faster time passes for a fleet of a test. */
export const SPEED = 10;

const { clock } = TIMINGS;
const faster = (ms: number): number => Math.max(1, Math.round(ms / SPEED));

/**
 * The timings of a replica for which time passes faster. What it keeps in the database is as it is shipped, because the
 * database's clock goes faster too: see {@link hurry}. Only what a busy machine may need remains longer.
 */
export const FAST_TIMINGS: Timings = {
  ...TIMINGS,
  clock: {
    now: () => clock.now() * SPEED,
    setTimeout: (run, ms) => clock.setTimeout(run, faster(ms)),
    setInterval: (run, ms) => clock.setInterval(run, faster(ms)),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    clearInterval: (timer) => clock.clearInterval(timer),
  },
  pollMs: faster(TIMINGS.pollMs),
  pollSoonMs: faster(TIMINGS.pollSoonMs),
  slotPatienceMs: faster(TIMINGS.slotPatienceMs),
  failedSlotPatienceMs: faster(TIMINGS.failedSlotPatienceMs),
  checkInMs: faster(TIMINGS.checkInMs),
  refusedMs: faster(TIMINGS.refusedMs),
  answerMs: faster(TIMINGS.answerMs * 2),
  queryMs: faster(TIMINGS.queryMs),
  uncertainMs: faster(TIMINGS.uncertainMs),
  uncertainPollMs: faster(TIMINGS.uncertainPollMs),
  transaction: { ...TIMINGS.transaction, lock_timeout: '500ms', idle_in_transaction_session_timeout: '500ms' },
};

/** The same beside a clock of the database that goes as always: it only polls and reports more often. */
export const EAGER_TIMINGS: Timings = { ...FAST_TIMINGS, clock };

/** Makes pg-boss's clock in the test's own database go as fast, from now on, and by `ahead` (an SQL interval) first. */
export async function hurry(pool: Pick<pg.Pool, 'query'>, ahead = '0 s'): Promise<void> {
  await pool.query(`
    do $$ begin
      execute format(
        'create or replace function pgboss.job_now() returns timestamptz language sql stable
           as $now$ select %L::timestamptz + (clock_timestamp() - %L::timestamptz) * ${SPEED} $now$',
        pgboss.job_now() + interval '${ahead}', clock_timestamp());
    end $$`);
}

/** What pg-boss's clock says, in milliseconds since 1970. */
export async function queueNow(pool: Pick<pg.Pool, 'query'>): Promise<number> {
  const { rows } = await pool.query<{ now: number }>(
    `select (extract(epoch from pgboss.job_now()) * 1000)::float8 as now`,
  );
  return rows[0]!.now;
}
