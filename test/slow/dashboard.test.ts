import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { parse } from 'yaml';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { type NodeProcess, spawnNode } from '../support/processes.ts';
import { startReplica } from '../support/replica.ts';
import { waitUntil } from '../support/wait.ts';

const PASSWORD = 'correct horse';
const SCREENSHOT = fileURLToPath(new URL('../../docs/images/dashboard.png', import.meta.url));

let database: TestDatabase;
let dashboard: NodeProcess;
let origin: string;
let browser: Browser;
let signedIn: BrowserContext;

beforeAll(async () => {
  database = await createDatabase();
  await runActivations();
  [dashboard, origin] = await startDashboard({ PGBOSS_DASHBOARD_AUTH_PASSWORD: PASSWORD });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  signedIn = await browser.newContext({
    httpCredentials: { username: 'sealog', password: PASSWORD },
    viewport: { width: 1100, height: 600 },
  });
});

afterAll(async () => {
  await browser?.close();
  await dashboard?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

/** Of two replicas; the first one finds five stale entries and a limit of two. */
async function runActivations(): Promise<void> {
  const entries = Array.from({ length: 5 }, () => ({ operationId: 'disk_create', startedMinutesAgo: 600 }));
  await insertEntries(database.pool, entries);
  for (const name of ['worker-1', 'worker-2']) {
    await using replica = await startReplica(database.url, {
      SEALOG_INSTANCE_NAME: name,
      SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '2',
    });
    await waitUntil('the backlog is done', async () => {
      const { rowCount } = await database.pool.query('select from sealog.audit_log where time_completed is null');
      return rowCount === 0;
    });
    await replica.activate();
  }
}

async function startDashboard(env: Readonly<Record<string, string>> = {}): Promise<[NodeProcess, string]> {
  const port = await freePort();
  const started = await spawnNode(['deploy/dashboard/dashboard.ts'], {
    // Some shells export HOST. The dashboard must not open itself for that.
    env: { DATABASE_URL: database.url, HOST: '0.0.0.0', PORT: String(port), ...env },
  });
  await started.waitForLine((line) => line.endsWith(` listening on http://127.0.0.1:${port}`));
  await started.waitForLine((line) => line.startsWith(`activations: http://127.0.0.1:${port}/`));
  return [started, `http://127.0.0.1:${port}`];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function visit(url: string): Promise<Page> {
  const page = await signedIn.newPage();
  const response = await page.goto(url, { waitUntil: 'networkidle' });
  expect(response?.status()).toBe(200);
  return page;
}

function basic(password: string): RequestInit {
  return { headers: { authorization: `Basic ${btoa(`sealog:${password}`)}` } };
}

test('nobody gets in without the password', async () => {
  for (const path of ['/', '/queues/audit-timeout', '/queues/audit-timeout.data', '/schedules', '/favicon.ico']) {
    expect((await fetch(`${origin}${path}`)).status).toBe(401);
    expect((await fetch(`${origin}${path}`, basic('wrong'))).status).toBe(401);
  }
  expect((await fetch(`${origin}/queues`, basic(PASSWORD))).status).toBe(200);
});

test('the queue and its schedule are on their pages', async () => {
  const queues = await visit(`${origin}/queues`);
  await queues.getByRole('link', { name: 'audit-timeout' }).first().click();
  await queues.getByText('stately policy').waitFor({ timeout: 20_000 });
  const schedules = await visit(`${origin}/schedules`);
  const row = await schedules.getByRole('row', { name: /audit-timeout/ }).innerText();
  expect(row).toMatch(/\b0 \d+ \* \* \*[^]*in \d+h[^]*UTC/);
});

test('the link that it prints leads to the activations, with who ran them and what came of it', async () => {
  const link = await dashboard.waitForLine((line) => line.startsWith('activations: '));
  const page = await visit(link.slice('activations: '.length));
  const cells = await page
    .locator('tbody tr')
    .evaluateAll((rows) => rows.map((row) => row.innerText.split(/\s*\t\s*/)));
  const shown = cells.map(([, state, by, trigger, timedOut, limitReached]) => [
    state,
    by,
    trigger,
    timedOut,
    limitReached,
  ]);
  const { rows } = await database.pool.query<{ row: string[] }>(
    `select array[state, by, trigger, timed_out::text, limit_reached::text] as row
       from sealog.activation order by created_on desc`,
  );
  expect(shown).toEqual(rows.map(({ row }) => row));
  expect(shown).toContainEqual(['completed', 'worker-1', 'backlog', '2', 'true']);
  if (process.env['SEALOG_UPDATE_SCREENSHOT']) await page.screenshot({ path: SCREENSHOT });
});

test('it cannot be made to change anything', async () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    for (const path of ['/queues/audit-timeout', '/send', '/schedules/new', '/queues/create.data']) {
      const response = await fetch(`${origin}${path}`, { method, ...basic(PASSWORD) });
      expect([path, response.status, await response.text()]).toEqual([path, 403, expect.stringContaining('read-only')]);
    }
  }
});

test('without a password of yours it makes one up, prints it, and lets in nobody else', async () => {
  const [started, address] = await startDashboard({ PGBOSS_DASHBOARD_AUTH_PASSWORD: '' });
  await using generous = started;
  const password = /^password: (\S{20})$/m.exec(generous.stdout)?.[1] ?? '';
  expect((await fetch(`${address}/queues`)).status).toBe(401);
  expect((await fetch(`${address}/queues`, basic(''))).status).toBe(401);
  expect((await fetch(`${address}/queues`, basic(password))).status).toBe(200);
  // The one that was given is not told.
  expect(dashboard.stdout).not.toContain(PASSWORD);
});

test('the service of compose.yaml is read-only, on this machine only, and ends without a password', async () => {
  const compose = parse(await readFile(new URL('../../compose.yaml', import.meta.url), 'utf8'));
  const { entrypoint, environment, ports, profiles, read_only } = compose.services.dashboard;
  expect({ ports, profiles, read_only }).toEqual({
    ports: ['127.0.0.1:3000:3000'],
    profiles: ['dashboard'],
    read_only: true,
  });
  const { PGBOSS_DASHBOARD_AUTH_PASSWORD: given, ...rest } = environment;
  expect(given).toBe('${SEALOG_DASHBOARD_PASSWORD:-}');
  const port = await freePort();
  const env = { ...rest, DATABASE_URL: database.url, HOST: '127.0.0.1', PORT: String(port) };
  const [node, ...args] = entrypoint;
  expect(node).toBe('node');
  await using unprotected = await spawnNode(args, { env: { ...env, PGBOSS_DASHBOARD_AUTH_PASSWORD: '' } });
  expect((await unprotected.exited).code).not.toBe(0);
  expect(unprotected.stderr).toContain('PGBOSS_DASHBOARD_AUTH_PASSWORD is required');
  await using guarded = await spawnNode(args, { env: { ...env, PGBOSS_DASHBOARD_AUTH_PASSWORD: PASSWORD } });
  await guarded.waitForLine((line) => line.includes('listening on'));
  const address = `http://127.0.0.1:${port}/queues`;
  expect((await fetch(address)).status).toBe(401);
  expect((await fetch(address, { method: 'POST', ...basic(PASSWORD) })).status).toBe(403);
  expect((await fetch(address, basic(PASSWORD))).status).toBe(200);
});
