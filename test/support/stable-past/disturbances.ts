import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { auditLogDatabase } from '../../../src/store/database.ts';
import { readCutoff } from '../../../src/store/read-cutoff.ts';
import { timeoutStaleEntries } from '../../../src/store/timeout-stale-entries.ts';
import type { NodeProcess } from '../processes.ts';
import type { Random } from './random.ts';
import { WRITER_NAME } from './writer-protocol.ts';

/** What befalls the writers of one database until `signal`. */
export interface Scene {
  readonly pool: pg.Pool;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly tally: Tally;
}

/** What has befallen them so far. */
export interface Tally {
  clockSteps: number;
  /** Connections killed, most of them in the middle of a transaction. */
  killed: number;
  /** How often a process was stopped while the server had it in a transaction that has completed entries. */
  paused: number;
}

const TIMEOUT_SECONDS = 1;

/** The job's statement, over and over with a short cutoff. Tells the ids of each batch when it has committed. */
export async function timeOut({ pool, signal }: Scene, tell: (ids: readonly string[]) => void): Promise<void> {
  const database = auditLogDatabase(pool, 'sealog');
  while (!signal.aborted) {
    const cutoff = await readCutoff(database, TIMEOUT_SECONDS);
    // Its sample holds ten: all of them.
    const { sampleIds } = await timeoutStaleEntries(database, { cutoff, limit: 10 });
    if (sampleIds.length > 0) tell(sampleIds);
    await delay(30);
  }
}

/** Sets the database's clock back and forth by seconds. */
export async function stepClock({ pool, random, signal, tally }: Scene): Promise<void> {
  while (!signal.aborted) {
    await delay(50 + random.below(400));
    await setClock(pool, random.chance(0.25) ? 0 : random.below(6000) - 3000);
    tally.clockSteps++;
  }
}

export async function setClock(pool: Pick<pg.Pool, 'query'>, aheadMs: number): Promise<void> {
  await pool.query(
    `create or replace function sealog.audit_log_clock() returns timestamptz language sql volatile
     return clock_timestamp() + interval '${aheadMs} milliseconds'`,
  );
}

/** Seals and stays in the transaction, under a snapshot that grows old: nobody else may wait for it, or lose by it. */
export async function sealAndStay({ pool, random, signal }: Scene): Promise<void> {
  while (!signal.aborted) {
    const client = await pool.connect();
    try {
      await client.query(`begin isolation level ${random.pick(['read committed', 'repeatable read'])}`);
      await client.query('select sealog.audit_log_seal()');
      await delay(500 + random.below(3000), undefined, { signal }).catch(() => {});
      await client.query('commit');
    } catch (error) {
      // Under repeatable read another one may have published meanwhile.
      if (!(error instanceof pg.DatabaseError) || error.code !== '40001') throw error;
      await client.query('rollback');
    } finally {
      client.release();
    }
  }
}

/** Kills writers' connections, most of them in the middle of a transaction. */
export async function killConnections({ pool, random, signal, tally }: Scene): Promise<void> {
  while (!signal.aborted) {
    await delay(100 + random.below(400));
    const state = random.pick(['idle in transaction', 'idle in transaction', 'active']);
    const { rowCount } = await pool.query(
      `select pg_terminate_backend(pid) from (
         select pid from pg_stat_activity
          where datname = current_database() and application_name like $1 || '%' and state = $2 order by random() limit 1
       ) victim`,
      [WRITER_NAME, state],
    );
    tally.killed += rowCount ?? 0;
  }
}

/** Stops a whole writer process in the middle of a transaction, for about a second, and lets it go on. */
export async function pauseProcess(scene: Scene, writer: NodeProcess, name: string): Promise<void> {
  const { pool, random, signal, tally } = scene;
  while (!signal.aborted) {
    let unread = writer.lines().length;
    const isNewStay = (line: string): boolean => unread-- <= 0 && line.includes('"in-transaction"');
    if (!(await writer.waitForLine(isNewStay, 5000).catch(() => undefined))) continue;
    writer.kill('SIGSTOP');
    try {
      const { rowCount } = await pool.query(
        `select from sealog.audit_log_horizon_holders join pg_stat_activity using (pid)
          where application_name = $1 and state = 'idle in transaction'`,
        [name],
      );
      if (rowCount === 0) continue;
      tally.paused++;
      await delay(700 + random.below(600));
    } finally {
      writer.kill('SIGCONT');
    }
    await delay(2000 + random.below(1000), undefined, { signal }).catch(() => {});
  }
}
