/** The table in docs/writing.md: each line is run with the library that it is for, from the registry. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGES = [
  'pg@8.23.1',
  'knex@3.3.0',
  'drizzle-orm@0.45.4',
  'sequelize@6.37.8',
  'typeorm@1.1.1',
  'prisma@7.10.0',
  '@prisma/client@7.10.0',
  '@prisma/adapter-pg@7.10.0',
  'postgres@3.4.9',
];

/** How each library is opened and closed. `within` and the transaction itself are the document's. */
const LIBRARIES: Readonly<Record<string, { readonly open: string; readonly close: string }>> = {
  Knex: {
    open: `import makeKnex from 'knex';
      const knex = makeKnex({ client: 'pg', connection: url });`,
    close: 'await knex.destroy();',
  },
  Drizzle: {
    open: `import { drizzle } from 'drizzle-orm/node-postgres'; import pg from 'pg';
      const pool = new pg.Pool({ connectionString: url });
      const db = drizzle(pool);`,
    close: 'await pool.end();',
  },
  Sequelize: {
    open: `import { Sequelize } from 'sequelize';
      const sequelize = new Sequelize(url, { logging: false });`,
    close: 'await sequelize.close();',
  },
  TypeORM: {
    open: `import { DataSource } from 'typeorm';
      const dataSource = await new DataSource({ type: 'postgres', url }).initialize();`,
    close: 'await dataSource.destroy();',
  },
  Prisma: {
    open: `import { PrismaPg } from '@prisma/adapter-pg'; import { PrismaClient } from './generated/client.ts';
      const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });`,
    close: 'await prisma.$disconnect();',
  },
  'postgres.js': {
    open: `import postgres from 'postgres';
      const sql = postgres(url);`,
    close: 'await sql.end();',
  },
};

let database: TestDatabase;
let project = '';
let rows: ReadonlyMap<string, { readonly within: string; readonly transaction: string }>;
beforeAll(async () => {
  database = await createDatabase();
  const page = await readFile(join(root, 'docs/writing.md'), 'utf8');
  const lines = [...page.matchAll(/^\| ([\w.]+) [\d.]+ +\| `([^`]+…\))`[^|]*\| `([^`]+)` +\|$/gm)];
  rows = new Map(lines.map(([, name = '', within = '', transaction = '']) => [name, { within, transaction }]));

  project = await mkdtemp(join(tmpdir(), 'sealog-transactions-'));
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES], {
    cwd: project,
  });
  await symlink(root, join(project, 'node_modules/sealog'));
  await mkdir(join(project, 'prisma'));
  await writeFile(
    join(project, 'prisma/schema.prisma'),
    `generator client {
       provider = "prisma-client"
       output   = "../generated"
     }
     datasource db {
       provider = "postgresql"
     }
     model Nothing {
       id Int @id
     }`,
  );
  // Generating needs no engine; without this it would download the one for migrations.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath };
  await run('npx', ['prisma', 'generate', '--schema', 'prisma/schema.prisma'], { cwd: project, env });
}, 600_000);
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await rm(project, { recursive: true, force: true });
});

test('the table has a line for each library that is run here', () => {
  expect([...rows.keys()]).toEqual(Object.keys(LIBRARIES));
});

const programOf = (name: string): string => {
  const { open, close } = LIBRARIES[name]!;
  const { within, transaction } = rows.get(name)!;
  const body = `{
    const transaction = ${transaction};
    const entry = await auditLog.beginIn(transaction, {
      operationId: '${name}', actor: { kind: 'user', id: 'u1' }, sourceIp: '203.0.113.7', details: { fails },
    });
    await auditLog.completeIn(transaction, entry.id, { kind: 'success', httpStatusCode: 201, details: { fails, n: 1 } });
    if (fails) throw new Error('rolled back');
  }`;
  return `
    import { createAuditLog } from 'sealog';
    const url = process.env.DATABASE_URL;
    const auditLog = createAuditLog({ connectionString: url });
    ${open}
    for (const fails of [true, false]) {
      await ${within.replace('…', body)}.catch((error) => { if (error.message !== 'rolled back') throw error; });
    }
    ${close}
    await auditLog[Symbol.asyncDispose]();`;
};

test.each(Object.keys(LIBRARIES))('%s: committed there is one entry, rolled back none', async (name) => {
  await writeFile(join(project, `${name}.ts`), programOf(name));
  await run(process.execPath, ['--conditions=@sealog/source', `${name}.ts`], {
    cwd: project,
    env: { ...process.env, DATABASE_URL: database.url },
  });
  const { rows: entries } = await database.pool.query(
    `select actor_id, host(source_ip) as ip, http_status_code, details from sealog.audit_log where operation_id = $1`,
    [name],
  );
  expect(entries).toEqual([
    { actor_id: 'u1', ip: '203.0.113.7', http_status_code: 201, details: { fails: false, n: 1 } },
  ]);
});
