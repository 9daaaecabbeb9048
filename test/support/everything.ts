import { randomUUID } from 'node:crypto';
import { openApp } from '../../src/app.ts';
import { decodeCursor } from '../../src/audit-log/cursor.ts';
import { entryFormat } from '../../src/cli/list/entry-format.ts';
import { pagesUpTo } from '../../src/cli/list/pages.ts';
import { readStatus } from '../../src/cli/status/read-status.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { type AuditLog, createAuditLog, type NewEntry } from '../../src/index.ts';
import { withQueueStatus } from '../../src/worker/queue-status.ts';
import { testPool } from './connection.ts';
import { insertEntries } from './entries.ts';
import type { TestDatabase } from './database.ts';
import { recordingLogger } from './recording-logger.ts';
import { quietSchedule } from './quiet-schedule.ts';
import { startReplica, type TestReplica } from './replica.ts';
import { PATIENCE_MS, waitUntil } from './wait.ts';

/**
 * Uses everything that reads or writes the log, under the settings that new sessions of the database have, and answers
 * what it saw in a form that is the same each time: ids and cursors by their form, instants by their distance from now.
 */
export async function everythingSeen(database: TestDatabase): Promise<unknown> {
  const { url } = database;
  const logger = recordingLogger();
  await using stack = new AsyncDisposableStack();
  const pool = testPool({ connectionString: url, max: 2 });
  stack.defer(() => pool.end());
  const options = { logger, instanceId: 'service', beginTimeoutMs: PATIENCE_MS };
  const given = createAuditLog({ pool, ...options });
  const own = stack.use(createAuditLog({ connectionString: url, poolMax: 2, preparedStatements: true, ...options }));
  const { settings } = loadSettings({ env: { NODE_ENV: 'test', DATABASE_URL: url, ...SCHEDULE } });
  const app = stack.use(await openApp(settings, logger));
  const tenants = [randomUUID(), randomUUID()] as const;
  // One after the other: a completion that is running holds back what others read.
  const libraries = [await libraryOf(given, tenants[0]), await libraryOf(own, tenants[1])];

  // The superuser's connections are older than the setting.
  const [stale] = await insertEntries(database.pool, [{ startedMinutesAgo: 300 }]);
  const replica = stack.use(await startReplica(url, SCHEDULE));
  await waitUntil('the activation of the start has committed', () => activationsOf(replica).length > 0);
  const status = await withQueueStatus(app.queue, (readQueue) => readStatus(app, readQueue));
  const late = await own.complete(stale!, { kind: 'success' });
  const found = await given.find(stale!);
  // The replica seals too, and who comes second may see less.
  await waitUntil('all is sealed', async () => {
    const ids = (await given.list({ order: 'descending', limit: 1 })).entries.map(({ id }) => id);
    return late.status === 'amended' && ids[0] === late.amendmentId;
  });
  return normalized({
    libraries,
    activations: activationsOf(replica),
    logged: [...logger.lines, ...replica.logger.lines].filter(({ level }) => level === 'error'),
    status: { ...status, lastActivations: status.lastActivations.slice(0, 1) },
    late,
    found,
    lists: await Promise.all([listed(app, tenants[0], 'csv'), listed(app, tenants[1], 'jsonl')]),
  });
}

// The activation of the start is the only one.
const SCHEDULE = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule() };

const activationsOf = ({ logger }: TestReplica) => logger.withEvent('audit-timeout.activation');

const ENTRY: NewEntry = {
  operationId: 'disk_create',
  actor: { kind: 'user', id: "u'1" },
  sourceIp: '2001:db8::1',
  userAgent: String.raw`back\slash \n "quoted" 'text' – 🦭`,
  resource: { type: 'disk', id: '' },
  details: {
    float: 0.1234567890123456,
    large: 1e21,
    text: String.raw`\x41'`,
    list: [null, 'NULL', 1],
    date: '01.02.2026',
  },
};

async function libraryOf(log: AuditLog, tenantId: string): Promise<unknown> {
  const [first, second, third] = [
    await log.begin({ ...ENTRY, tenantId }),
    await log.begin({ ...ENTRY, tenantId }),
    await log.begin({ ...ENTRY, tenantId }),
  ];
  const completions = [
    await log.complete(first.id, { kind: 'success', httpStatusCode: 201, details: { done: true } }),
    await log.complete(second.id, { kind: 'error', code: 'E', message: String.raw`\'` }),
    await log.complete(first.id, { kind: 'success' }),
    await log.record({ ...ENTRY, tenantId }, () => 'value'),
    await log.complete(third.id, { kind: 'success' }),
  ];
  const page = await log.list({ tenantId, limit: 3 });
  const entries = [];
  for await (const entry of log.entries({ tenantId, pageSize: 2 })) entries.push(entry);
  return {
    begun: [first, second, third],
    completions,
    page,
    next: await log.list({ after: page.next, limit: 1 }),
    newest: await log.list({ tenantId, order: 'descending', limit: 2, from: first.timeStarted }),
    entries,
    found: await log.find(second.id),
  };
}

async function listed(
  { database }: Awaited<ReturnType<typeof openApp>>,
  tenantId: string,
  format: 'csv' | 'jsonl',
): Promise<string> {
  const write = entryFormat({ format });
  let text = '';
  for await (const { entries } of pagesUpTo(1000, database, { tenantId }, () => {})) text += write(entries);
  return text;
}

const VARIES = new Set(['durationMs', 'horizonLagSeconds', 'pid', 'lagSeconds']);

function normalized(seen: unknown): unknown {
  const now = Date.now();
  const text = JSON.stringify(seen, (key, value: unknown) => {
    if (key === 'nextRun' && typeof value === 'string') return value.length;
    if (key === 'next' && typeof value === 'string') return decodeCursor(value).order;
    return VARIES.has(key) && Number.isFinite(value) ? 'a number' : value;
  });
  const withoutIds = text.replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, 'id');
  return JSON.parse(
    withoutIds.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g, (instant) => distance(instant, now)),
  );
}

/** In half hours, because zones differ by no less. */
function distance(instant: string, now: number): string {
  return `${Math.round((Date.parse(instant) - now) / 1_800_000) / 2} h from now, ${instant.length} characters`;
}
