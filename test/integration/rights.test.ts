import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ROLES } from '../../src/store/grants.ts';
import { checkGolden } from '../support/golden.ts';
import { rightsOf } from '../support/rights.ts';
import { createRoleLogins, type RoleLogins } from '../support/role-logins.ts';

const SCHEMAS = ['pgboss', 'sealog'];

let logins: RoleLogins;
beforeAll(async () => void (logins = await createRoleLogins()));
afterAll(async () => await logins[Symbol.asyncDispose]());

test.each(['public', ...ROLES])('what %s may do in both schemas is what the committed table says', async (role) => {
  const rights = await rightsOf(logins.database.pool, role, SCHEMAS);
  await checkGolden(`rights-${role}`, `${rights.join('\n')}\n`);
});

test('a function that runs as the owner is executable by the roles that the grants name, and by nobody else', async () => {
  const { rows } = await logins.database.pool.query<{ name: string; grantees: string[]; path: string[] }>(
    `select proname as name, proconfig as path,
            array(select coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC')
                    from aclexplode(coalesce(proacl, acldefault('f', proowner)))
                   where grantee <> proowner and privilege_type = 'EXECUTE' order by 1) as grantees
       from pg_proc where pronamespace in ('sealog'::regnamespace, 'pgboss'::regnamespace) and prosecdef order by 1`,
  );
  const path = ['search_path="sealog", pg_temp'];
  expect(rows).toEqual([
    { name: 'audit_log_on_insert', grantees: [], path },
    { name: 'audit_log_on_update', grantees: [], path },
    { name: 'audit_log_seal', grantees: ['sealog_reader', 'sealog_worker'], path },
  ]);
});

test('every table of both schemas that is updated or deleted from has a primary key', async () => {
  const { rows } = await logins.database.pool.query<{ name: string }>(
    `select format('%s.%s', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition
        and not exists (select from pg_index where indrelid = c.oid and indisprimary)
      order by 1`,
    [SCHEMAS],
  );
  expect(rows).toEqual([]);
});

test('a function in PL/pgSQL carries its search path, but for the one that names nothing of ours', async () => {
  const { rows } = await logins.database.pool.query<{ name: string }>(
    `select proname as name from pg_proc join pg_language l on l.oid = prolang
      where pronamespace = 'sealog'::regnamespace and lanname = 'plpgsql'
        and not coalesce(proconfig, '{}') @> array['search_path="sealog", pg_temp']`,
  );
  expect(rows).toEqual([{ name: 'audit_log_refuse' }]);
});
