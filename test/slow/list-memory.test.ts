import { spawn } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { sealogCommand } from '../support/command.ts';
import { createDatabase } from '../support/database.ts';
import { readExport } from '../support/read-export.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait.ts';

test('an export has no more in hand than a few pages of it, and waits for its reader', async () => {
  await using large = await createDatabase();
  // Three times as much text as the heap may hold.
  await large.pool.query(
    `insert into sealog.audit_log (operation_id, actor_kind, details) select 'bulk', 'system', $1
       from generate_series(1, 48000)`,
    [JSON.stringify({ text: 'x'.repeat(6000) })],
  );
  await large.pool.query(`update sealog.audit_log set result_kind = 'success'`);
  await using proxy = await startProxy(large.url);
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=96', sealogCommand, 'list', '--format', 'jsonl', '--operation', 'bulk'],
    { env: { ...process.env, DATABASE_URL: proxy.url }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  try {
    // Nobody reads yet, and so it stops asking the database for more.
    await waitUntil('the export waits for its reader', async () => {
      const { rowCount } = await large.pool.query(`select from pg_stat_activity
        where datname = current_database() and application_name like 'sealog %' and state = 'idle'
          and state_change < clock_timestamp() - interval '2 s'`);
      return rowCount === 1;
    });
    const { exit, lines, mostInHand } = await readExport(child, proxy);
    expect({ exit, lines }).toEqual({ exit: [0, null], lines: 48_000 });
    // A page has 1000.
    expect(mostInHand).toBeLessThan(3000);
  } finally {
    child.kill('SIGKILL');
  }
});
