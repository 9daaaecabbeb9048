import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../..', import.meta.url));
const node22 = `node-${process.platform}-${process.arch}`;

/** Runs a program in the project that uses the package; a failure is a result too. */
function run(file: string, args: readonly string[], cwd: string = project, env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(file, args, { cwd, env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });
}

async function npm(args: readonly string[], cwd: string): Promise<void> {
  const { code, stderr } = await run('npm', args, cwd);
  if (code !== 0) throw new Error(`npm ${args[0]}: ${stderr}`);
}

let project = '';
let tarball = '';
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'sealog-package-'));
  await npm(['pack', '--pack-destination', project], root);
  tarball = (await readdir(project)).find((name) => name.endsWith('.tgz'))!;
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  // Without fastify and express: who uses one of them need not have the other, nor either of them.
  const packages = [
    `./${tarball}`,
    'typescript@7.0.2',
    'typescript-6@npm:typescript@6.0.3',
    'typescript-5@npm:typescript@5.9.3',
    `node-22@npm:${node22}@22.23.3`,
    '@types/node@22.20.5',
    '@types/pg@8.23.1',
  ];
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], project);
}, 300_000);
afterAll(() => rm(project, { recursive: true, force: true }));

const nodes = { '24': () => process.execPath, '22': () => join(project, 'node_modules/node-22/bin/node') };
const nowhere = 'postgres://x@127.0.0.1:1/none';
const use = `const log = createAuditLog({ connectionString: '${nowhere}' });
  log.begin({ operationId: 'a', actor: { kind: 'system' } }).catch((error) => console.log(process.version, error.code));`;

describe.each(['24', '22'] as const)('on Node %s', (version) => {
  test.each([
    ['imported by a module', 'module', `import { createAuditLog } from 'sealog'; ${use}`],
    ['required by a script', 'commonjs', `const { createAuditLog } = require('sealog'); ${use}`],
  ])('it is %s', async (_how, type, program) => {
    const { code, stdout, stderr } = await run(nodes[version](), [`--input-type=${type}`, '-e', program]);
    expect({ code, stdout: stdout.replace(/^v(\d+)\.\S+/, '$1'), stderr }).toEqual({
      code: 0,
      stdout: `${version} SEALOG_STORE\n`,
      stderr: '',
    });
  });
});

/** One of the modules that integrate sealog, and what it is used by. */
const INTEGRATIONS: Readonly<Record<string, string>> = {
  'sealog/fastify': 'default sealogFastify',
  'sealog/express': 'sealogExpress auditRoute',
  'sealog/testing': 'checkAuditCoverage fastifyService expressService openApiService',
};

describe.each(['24', '22'] as const)('on Node %s, without the framework that it is for,', (version) => {
  test.each(Object.entries(INTEGRATIONS))('%s is imported and required', async (name, exports) => {
    const print = `for (const name of '${exports}'.split(' ')) console.log(name, typeof module[name])`;
    for (const [type, program] of [
      ['module', `const module = await import('${name}'); ${print}`],
      ['commonjs', `{ const module = require('${name}'); ${print} }`],
    ] as const) {
      const { code, stdout, stderr } = await run(nodes[version](), [`--input-type=${type}`, '-e', program]);
      const functions = exports.replaceAll(/\w+(?: |$)/g, (export_) => `${export_.trim()} function\n`);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: functions, stderr: '' });
    }
  });
});

describe('the command', () => {
  const sealog = (version: '22' | '24', command: string) =>
    run(nodes[version](), ['node_modules/sealog/dist/bin.js', command], project, { DATABASE_URL: nowhere });

  test('works', async () => {
    expect(await sealog('24', '--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: sealog/) });
    expect(await sealog('24', 'migrate')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the database cannot be reached'),
    });
  });

  test.each(['--help', 'migrate'])('says which Node it needs: %s', async (command) => {
    expect(await sealog('22', command)).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^sealog: expected Node 24 or later, got v22/),
    });
  });
});

const COMPILERS = ['typescript', 'typescript-6', 'typescript-5'] as const;

/** Checks a file of the project for both kinds of module resolution, the libraries' own types too. */
async function checkTypes(compiler: string, file: string, text: string): Promise<void> {
  await writeFile(join(project, file), text);
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,esnext.disposable'];
    const modules = ['--types', 'node', '--module', module, '--moduleResolution', resolution];
    const tsc = join('node_modules', compiler, 'bin/tsc');
    expect(await run(process.execPath, [tsc, ...options, ...modules, file])).toMatchObject({ code: 0, stdout: '' });
  }
}

test.each(COMPILERS)(
  'its types are found and whole for %s, without skipLibCheck',
  (compiler) =>
    checkTypes(
      compiler,
      'service.ts',
      `import pg from 'pg';
       import { Kysely, PostgresDialect } from 'kysely';
       import { createAuditLog, type CompleteResult } from 'sealog';
       const pool = new pg.Pool();
       const log = createAuditLog({ pool });
       const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
       export const result: Promise<CompleteResult> = db.transaction().execute(async (trx) => {
         const { id } = await log.beginIn(trx, { operationId: 'a', actor: { kind: 'system' } });
         return await log.completeIn(await pool.connect(), id, { kind: 'success' });
       });`,
    ),
  300_000,
);

describe('with Fastify and Express', () => {
  beforeAll(async () => {
    const packages = ['fastify@5.12.8', 'express@5.3.0', '@types/express@5.0.6'];
    await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], project);
  }, 300_000);

  const register = `const app = fastify();
    await app.register(sealogFastify, { auditLog: log, actor: () => ({ kind: 'anonymous' }) });
    app.post('/', { config: { audit: { operationId: 'a' } } }, async () => 'done');`;

  test.each(['24', '22'] as const)('it refuses what it cannot audit on Node %s', async (version) => {
    const program = `
      import express from 'express'; import fastify from 'fastify';
      import { createAuditLog } from 'sealog'; import sealogFastify from 'sealog/fastify';
      import { sealogExpress } from 'sealog/express';
      const log = createAuditLog({ connectionString: '${nowhere}' });
      ${register}
      const service = express().use(sealogExpress({ auditLog: log, actor: () => ({ kind: 'anonymous' }) }));
      const server = service.listen(0, async () => {
        const { status } = await fetch('http://127.0.0.1:' + server.address().port, { method: 'POST' });
        console.log(status, (await app.inject({ method: 'POST', url: '/' })).statusCode);
        process.exit();
      });`;
    const { stdout } = await run(nodes[version](), ['--input-type=module', '-e', program]);
    expect(stdout).toBe('503 503\n');
  });

  test.each(COMPILERS)(
    'its types are found and whole for %s, without skipLibCheck',
    (compiler) =>
      checkTypes(
        compiler,
        'integrations.ts',
        `import express from 'express';
         import fastify from 'fastify';
         import { createAuditLog } from 'sealog';
         import { auditRoute, sealogExpress } from 'sealog/express';
         import sealogFastify from 'sealog/fastify';
         import { checkAuditCoverage, expressService, fastifyService, openApiService } from 'sealog/testing';
         const log = createAuditLog({ connectionString: 'postgres://db/app' });
         ${register}
         const audit = sealogExpress({ auditLog: log, actor: (request) => ({ kind: 'user', id: request.get('a')! }) });
         const other = express().use(audit, audit.errors).post('/', auditRoute({ skip: 'a test' }), () => {});
         for (const service of [fastifyService(app), expressService(other), openApiService({}, { url: '' })]) {
           await checkAuditCoverage({ service, auditLog: log });
         }`,
      ),
    300_000,
  );
});

test('it is installed beside Express 4, and its middleware says that it needs Express 5', async () => {
  const older = await mkdtemp(join(tmpdir(), 'sealog-express-4-'));
  try {
    await writeFile(join(older, 'package.json'), '{ "private": true, "type": "module" }');
    await npm(
      ['install', '--prefer-offline', '--no-audit', '--no-fund', join(project, tarball), 'express@4.22.3'],
      older,
    );
    const program = `
      import express from 'express';
      import { sealogExpress } from 'sealog/express'; import { expressService } from 'sealog/testing';
      const unused = () => Promise.reject(new Error('unused'));
      const app = express();
      app.use(sealogExpress({ auditLog: { begin: unused, complete: unused }, actor: () => ({ kind: 'anonymous' }) }));
      app.use((error, _request, response, _next) => response.status(500).end(error.message));
      const server = app.listen(0, async () => {
        const answer = await fetch('http://127.0.0.1:' + server.address().port, { method: 'POST' });
        console.log(answer.status, await answer.text());
        await expressService(app).connect().catch(({ message }) => console.log(message));
        process.exit();
      });`;
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program], older);
    const message = 'sealog/express: expected Express 5, got 4.x\n';
    expect({ stdout, stderr }).toEqual({ stdout: `500 ${message}${message}`, stderr: '' });
  } finally {
    await rm(older, { recursive: true, force: true });
  }
}, 300_000);

test('publint and attw find nothing', async () => {
  const bin = join(root, 'node_modules/.bin');
  expect(await run(join(bin, 'publint'), ['run', tarball, '--strict'])).toMatchObject({ code: 0 });
  // The package is a module, and CommonJS requires it as one: that is what this profile leaves out, and node10.
  expect(await run(join(bin, 'attw'), [tarball, '--profile', 'esm-only'])).toMatchObject({ code: 0 });
});
