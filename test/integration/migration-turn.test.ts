import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Blocker } from '../../src/store/blockers.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { MIGRATIONS_FOLDER } from '../../src/store/migrations.ts';
import { inMigrationTurn } from '../../src/store/migration-turn.ts';
import { openPool } from '../../src/store/open-pool.ts';
import { installQueues } from '../../src/worker/install-queues.ts';
import { readQueueStatus } from '../../src/worker/queue-status.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

/** As the command opens it. */
async function opened(queryTimeoutMs = 65_000) {
  const pool = openPool({
    connectionString: database.url,
    max: 4,
    applicationName: 'migrating',
    queryTimeoutMs,
    onError: () => {},
  });
  const log = auditLogDatabase(pool, 'sealog');
  const queue = { pool, schema: 'pgboss', auditLogSchema: 'sealog', logger: recordingLogger(), instanceName: 'test' };
  return { log, queue, [Symbol.asyncDispose]: () => pool.end() };
}

const LIMIT_MS = 2000;
const LIMITS = [
  'idle_in_transaction_session_timeout',
  'lock_timeout',
  'statement_timeout',
  'transaction_timeout', // from PostgreSQL 17 on
];

/** Settings of the database that end what waits. Resolves, as often as it is called, after they have ended a session. */
async function limitWaits(): Promise<() => Promise<void>> {
  await database.pool.query(`do $$ declare name text; begin
    for name in select s.name from pg_settings s where s.name in ('${LIMITS.join(`', '`)}') loop
      execute format('alter database %I set %s = ${LIMIT_MS}', current_database(), name);
    end loop;
  end $$`);
  return async () => {
    const client = await connected(database.url);
    const ended = once(client, 'error');
    await client.query('begin');
    await ended;
  };
}

function forgotten(): Promise<Awaited<ReturnType<typeof connected>>> {
  const url = new URL(database.url);
  url.searchParams.set('application_name', 'forgotten');
  return connected(url.href);
}

const key = (suffix: string) =>
  `('x' || encode(sha224((current_database() || '.pgboss.pgboss${suffix}')::bytea), 'hex'))::bit(64)::bigint`;

describe('a migration turn', () => {
  test('is kept, and waited for, longer than time limits of the database and of the client allow', async () => {
    const limitsHavePassed = await limitWaits();
    await using holder = await opened(LIMIT_MS);
    await using waiting = await opened(LIMIT_MS);
    const order: string[] = [];
    const entered = Promise.withResolvers<void>();
    const first = inMigrationTurn(holder.log, async () => {
      entered.resolve();
      await limitsHavePassed();
      order.push('first');
    });
    await entered.promise;
    const second = inMigrationTurn(waiting.log, async () => void order.push('second'));
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });

  test('names the session that keeps it waiting', async () => {
    await using session = await forgotten();
    await session.query(`select pg_advisory_lock(hashtextextended('sealog migrate', 0))`);
    await using log = await opened();
    const seen: Blocker[] = [];
    const turn = inMigrationTurn(log.log, async () => 'done', { onBlocked: (blocker) => seen.push(blocker) });
    await waitUntil('it is named', () => seen.length > 0);
    expect(seen[0]).toMatchObject({ applicationName: 'forgotten', state: 'idle' });
    await session.query('select pg_advisory_unlock_all()');
    expect(await turn).toBe('done');
  });
});

describe('time limits of the database and of the client', () => {
  test('do not end a migration of the audit log', async () => {
    await limitWaits();
    await using folder = await slowMigration();
    await using opening = await opened(LIMIT_MS);
    const applied = await inMigrationTurn(opening.log, () => migrate(opening.log, folder.url));
    expect(applied).toEqual(['0099_slow']);
  });

  test("do not end pg-boss's, while it waits for a lock", async () => {
    await database.pool.query('drop schema pgboss cascade');
    const limitsHavePassed = await limitWaits();
    await using session = await forgotten();
    await session.query(`select pg_advisory_lock(${key('')})`);
    await using opening = await opened(LIMIT_MS);
    const installed = inMigrationTurn(opening.log, () => installQueues(opening.queue));
    const isWaiting = async () => {
      const { rows } = await database.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`,
      );
      return rows.length > 0;
    };
    await waitUntil('it waits', isWaiting);
    await limitsHavePassed();
    await session.query('select pg_advisory_unlock_all()');
    await installed;
    const { rows } = await database.pool.query('select policy from pgboss.queue where name = $1', ['audit-timeout']);
    expect(rows).toEqual([{ policy: 'stately' }]);
  });

  async function slowMigration() {
    const directory = await mkdtemp(join(tmpdir(), 'sealog-migrations-'));
    await cp(MIGRATIONS_FOLDER, directory, { recursive: true });
    await writeFile(join(directory, '0099_slow.sql'), `select pg_sleep(${LIMIT_MS / 1000 + 1})`);
    return {
      url: pathToFileURL(`${directory}/`),
      [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
    };
  }
});

describe("pg-boss's own locks, which anybody may take who can connect", () => {
  test('are named by the migration that waits for one', async () => {
    await using session = await forgotten();
    await session.query(`select pg_advisory_lock(${key('create-queue')})`);
    await using opening = await opened();
    // As pg-boss waits, for half a minute.
    const wait = `begin; set local lock_timeout = '8s'; select pg_advisory_xact_lock(${key('create-queue')})`;
    const turn = inMigrationTurn(opening.log, () => opening.queue.pool.query(wait));
    await expect(turn).rejects.toThrow(/lock timeout: session \d+ \("forgotten".*select pg_terminate_backend/);
  });

  test('are named by status', async () => {
    await using session = await forgotten();
    await session.query(`select pg_advisory_lock(${key('job_commonfailJobsByHeartbeat')})`);
    await using opening = await opened();
    const held = async () =>
      (await readQueueStatus(opening.queue, { job: 'audit-timeout', activations: 1 })).heldBy !== null;
    await waitUntil('it is named', held);
    const { heldBy } = await readQueueStatus(opening.queue, { job: 'audit-timeout', activations: 1 });
    expect(heldBy).toMatchObject({ applicationName: 'forgotten', state: 'idle' });
  });
});
