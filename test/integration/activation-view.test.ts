import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { auditLogDatabase } from '../../src/store/database.ts';
import { inMigrationTurn } from '../../src/store/migration-turn.ts';
import { lastActivations } from '../../src/worker/activation-history.ts';
import { installActivationView } from '../../src/worker/activation-view.ts';
import { withClient } from '../../src/worker/boss.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { quietSchedule } from '../support/quiet-schedule.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startReplica } from '../support/replica.ts';
import { waitUntil } from '../support/wait.ts';

let database: TestDatabase;
beforeEach(async () => void (database = await createDatabase()));
afterEach(async () => await database[Symbol.asyncDispose]());

/** For tests that count what is activated. */
const QUIET = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule() };

const newest = 'select * from sealog.activation order by created_on desc limit 20';

test('the view tells who ran what, why, and what came of it', async () => {
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }, { startedMinutesAgo: 600 }]);
  await using replica = await startReplica(database.url, {
    ...QUIET,
    SEALOG_INSTANCE_NAME: 'worker-1',
    SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '1',
    SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLOG: 'false',
  });
  const { id } = await replica.startup();
  const { rows } = await database.pool.query('select * from sealog.activation where id = $1', [id]);
  expect(rows).toEqual([
    {
      job: 'audit-timeout',
      id,
      state: 'completed',
      by: 'worker-1',
      trigger: 'startup',
      slot: null,
      retries: 0,
      created_on: expect.any(Date),
      started_on: expect.any(Date),
      completed_on: expect.any(Date),
      timed_out: '1',
      limit_reached: true,
      skipped: 0,
      duration_ms: expect.stringMatching(/^\d+$/),
      error: null,
    },
  ]);
});

test('a view that somebody has changed is made anew', async () => {
  await database.pool.query(`
    do $$ begin execute 'create or replace view sealog.activation as ' ||
      replace(pg_get_viewdef('sealog.activation'::regclass), ';', ' where false'); end $$`);
  const queue = {
    pool: database.pool,
    schema: 'pgboss',
    auditLogSchema: 'sealog',
    logger: recordingLogger(),
    instanceName: 'x',
  };
  await installActivationView(queue);
  const { rows } = await database.pool.query(`select pg_get_viewdef('sealog.activation'::regclass) as definition`);
  expect(rows[0].definition).not.toContain('false');
});

test('an activation that fails is told with who ran it and why', async () => {
  await using replica = await startReplica(database.url, { SEALOG_INSTANCE_NAME: 'worker-1', ...QUIET });
  await replica.startup();
  await database.pool.query('alter table sealog.audit_log rename to gone');
  await withClient(replica.queue, (boss) => boss.send('audit-timeout', { trigger: 'schedule' }));
  const inView = `select * from sealog.activation where state = 'retry'`;
  const inHistory = { job: 'audit-timeout', schema: 'pgboss', limit: 1 };
  let seen: object[] = [];
  // Between two attempts, both times.
  await waitUntil('a failed attempt', async () => {
    const { rows } = await database.pool.query(inView);
    seen = [...rows, ...(await withClient(replica.queue, (boss) => lastActivations(boss, inHistory)))];
    return seen.length === 2 && seen.every((told) => 'state' in told && told.state === 'retry');
  });
  const failed = { by: 'worker-1', trigger: 'schedule', error: expect.stringMatching(/does not exist$/) };
  expect(seen).toMatchObject([failed, failed]);
});

test('what failed, and what somebody else wrote into the table, is shown and breaks nothing', async () => {
  await database.pool.query(`
    insert into pgboss.job (name, state, data, output) values
      ('audit-timeout', 'failed', '{"trigger": "manual"}', '{"message": "canceling statement"}'),
      ('audit-timeout', 'failed', null, '{"value": {"message": "heartbeat lost"}}'),
      ('audit-timeout', 'failed', '[]', '{"value": "by hand"}'),
      ('audit-timeout', 'completed', '1', '{"timedOut": "many", "limitReached": 1, "skipped": {}, "durationMs": null}'),
      ('audit-timeout', 'completed', null, '"text"')`);
  const { rows } = await database.pool.query<{ trigger: string; error: string }>('select * from sealog.activation');
  expect(rows).toHaveLength(5);
  expect(rows.map(({ error }) => error).filter(Boolean)).toEqual(['canceling statement', 'heartbeat lost', 'by hand']);
  expect(rows.map(({ trigger }) => trigger).filter(Boolean)).toEqual(['manual']);
});

test('a scheduled activation is shown with the slot that it was queued for', async () => {
  await using replica = await startReplica(database.url, { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *' });
  const scheduled = async () => {
    const { rows } = await database.pool.query<{ slot: Date; created_on: Date }>(
      `select slot, created_on from sealog.activation where trigger = 'schedule' and slot is not null`,
    );
    return rows;
  };
  expect(replica.settings.auditTimeout.schedule).toBe('* * * * *');
  await waitUntil('an activation of a slot', async () => (await scheduled()).length > 0);
  const { rows: forwarded } = await database.pool.query<{ slot: Date }>(
    `select singleton_on at time zone 'UTC' as slot from pgboss.job
      where name = '__pgboss__send-it' and singleton_key = 'audit-timeout__'`,
  );
  for (const { slot, created_on } of await scheduled()) {
    expect(forwarded).toContainEqual({ slot });
    expect(slot.getTime()).toBeLessThanOrEqual(created_on.getTime());
  }
});

test('pg-boss may change the columns that the view shows, and drop them', async () => {
  await database.pool.query(`alter table pgboss.job alter output type text using output::text`);
  await expect(database.pool.query(newest)).rejects.toThrow(/operator does not exist/);
  await database.pool.query(`alter table pgboss.job alter output type jsonb using output::jsonb`);
  await database.pool.query(newest);
  await database.pool.query(`alter table pgboss.job drop column output`);
});

test('the newest activations come off an index, among a hundred thousand', async () => {
  await database.pool.query(`
    insert into pgboss.job (name, state, created_on, output)
    select 'audit-timeout', 'completed', now() - make_interval(secs => n), '{"timedOut": 1}' from generate_series(1, 100000) n;
    analyze pgboss.job`);
  for (const query of [newest, newest.replace('order', `where job = 'audit-timeout' order`)]) {
    const { rows } = await database.pool.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${query}`);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/^Limit\n.*\n? *->  Index Scan Backward using job_common_i15 on job_common job\b/m);
    expect(plan).not.toMatch(/Function Scan|Seq Scan/);
  }
});

test('eight processes may install the view at once, between schemas of any name', async () => {
  await database.pool.query(`create schema "an ""odd"" name"; alter schema pgboss rename to "it's ""its"" queue"`);
  const queue = {
    pool: database.pool,
    schema: `it's "its" queue`,
    auditLogSchema: 'an "odd" name',
    logger: recordingLogger(),
    instanceName: 'test',
  };
  const log = auditLogDatabase(database.pool, 'sealog');
  const install = () => inMigrationTurn(log, () => installActivationView(queue));
  await Promise.all(Array.from({ length: 4 }, install));
  await database.pool.query(`grant select on "an ""odd"" name".activation to public`);
  await Promise.all(Array.from({ length: 4 }, install));
  const { rows } = await database.pool.query(
    `select has_table_privilege('public', '"an ""odd"" name".activation', 'select') as granted,
            (select count(*)::integer from "an ""odd"" name".activation) as rows`,
  );
  expect(rows).toEqual([{ granted: true, rows: 0 }]);
});
