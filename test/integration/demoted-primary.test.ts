import { expect, test } from '@jest/globals';
import { testPool } from '../support/connection.ts';
import { createDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { startReplica } from '../support/replica.ts';
import { waitUntil } from '../support/wait.ts';

test('a replica whose connections are to a server that was demoted leaves them, when its name is that of the new primary', async () => {
  await using database = await createDatabase();
  await using replica = await startReplica(database.url);
  await replica.startup();
  // What a session may do is decided when it begins: these are as those to a demoted primary.
  const readOnly = (value: string) =>
    database.pool.query(`do $$ begin
      execute format('alter database %I set default_transaction_read_only = ${value}', current_database());
    end $$`);
  await readOnly('on');
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  );
  const refusals = () =>
    replica.logger.lines.filter(({ err }) => (err as { code?: string } | undefined)?.code === '25006').length;
  await waitUntil('it is refused to write', () => refusals() > 0);
  await readOnly('off');
  // The pool of the test has such connections too.
  const writing = testPool({ connectionString: database.url });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => writing.end());
  await insertEntries(writing, [{ startedMinutesAgo: 600 }]);
  await writing.query(
    `insert into pgboss.job (name, policy, retry_limit, heartbeat_seconds) values ('audit-timeout', 'stately', 5, 10)`,
  );
  await waitUntil('the entry is timed out', async () => {
    const { rows } = await writing.query(`select from sealog.audit_log where result_kind = 'timeout'`);
    return rows.length > 0;
  });
  const { rows } = await writing.query('select clock_timestamp() as now');
  const checkedIn = async () =>
    (await writing.query('select from sealog.replica where time_checked > $1', [rows[0].now])).rows.length > 0;
  await waitUntil('it checks in', checkedIn);
  expect(replica.logger.withEvent('worker.refused')).toEqual([]);
});
