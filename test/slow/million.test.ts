import { expect, test } from '@jest/globals';
import { listAs } from '../../src/list.ts';
import { auditLogDatabase } from '../../src/store/database.ts';
import { toEntry } from '../../src/store/select-entries.ts';
import { createDatabase } from '../support/database.ts';
import { explaining } from '../support/explaining.ts';

const ENTRIES = 1_000_000;

test('in a log of a million entries a page is one ordered range scan, also with a filter that no entry passes', async () => {
  await using database = await createDatabase();
  const client = await database.pool.connect();
  await client.query(`
    insert into sealog.audit_log (operation_id, actor_kind, tenant_id)
    select 'bulk', 'system', 't' || n % 1000 from generate_series(1, ${ENTRIES}) n`);
  await client.query(`update sealog.audit_log set result_kind = 'success'`);
  client.release();
  await database.pool.query('vacuum analyze sealog.audit_log');

  const { statements, pool } = explaining(database.pool, /\blimit\b/i);
  const log = auditLogDatabase(pool, 'sealog');
  const newest = await listAs(log, { order: 'descending' }, { form: toEntry });
  expect(newest.entries).toHaveLength(100);
  let after: string | undefined;
  let found = 0;
  for (let pages = 1; pages <= 3; pages++) {
    const page = await listAs(log, { order: 'descending', tenantId: 'none', after }, { form: toEntry, scanMs: 250 });
    found += page.entries.length;
    if (!page.more) break;
    after = page.next;
  }
  expect(found).toBe(0);

  const plans = statements.filter((line) => / Scan /.test(line) && /audit_log\b/.test(line));
  expect(plans.length).toBeGreaterThan(2);
  for (const line of plans) {
    expect(line).toMatch(/Index Scan Backward using audit_log_completed_by_time_completed on audit_log/);
  }
  expect(statements.join('\n')).not.toMatch(/Sort|Seq Scan on audit_log\b/);
}, 600_000);
