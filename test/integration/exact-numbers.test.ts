import { expect, test } from '@jest/globals';
import { createAuditLog } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

test('numbers that JavaScript would round are given as text, from list, entries and find', async () => {
  await using database = await createDatabase();
  const auditLog = createAuditLog({ pool: database.pool });
  const details =
    '{"id": 9007199254740993, "share": 0.10000000000000000000001, "size": 10, "list": [1.50, -12345678901234567890]}';
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into sealog.audit_log (operation_id, actor_kind, details) values ('by_sql', 'system', $1) returning id`,
    [details],
  );
  await database.pool.query(`update sealog.audit_log set result_kind = 'success'`);
  const exact = {
    id: '9007199254740993',
    share: '0.10000000000000000000001',
    size: 10,
    list: [1.5, '-12345678901234567890'],
  };
  expect((await auditLog.list()).entries).toMatchObject([{ details: exact }]);
  expect((await auditLog.entries({ operationId: 'by_sql' }).next()).value).toMatchObject({ details: exact });
  expect((await auditLog.find(rows[0]!.id))!.entry.details).toEqual(exact);
});
