import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { startProbedWorker } from '../support/probed-worker.ts';
import { quietSchedule } from '../support/quiet-schedule.ts';
import { startTraceCollector, type TraceCollector } from '../support/trace-collector.ts';

/** The first activation is the one at start-up: no slot comes before it. */
const QUIET = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule() };

let database: TestDatabase;
let collector: TraceCollector;
beforeEach(async () => {
  database = await createDatabase();
  collector = await startTraceCollector();
});
afterEach(async () => {
  await collector[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

test('an activation is a span with its outcome, below that of pg-boss, and a shutdown sends the last ones', async () => {
  const ids = await insertEntries(database.pool, [{ startedMinutesAgo: 600, operationId: 'disk_create' }]);
  await using replica = await startProbedWorker(database.url, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
    OTEL_SERVICE_NAME: 'audit worker',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=test%2C1,broken',
    SEALOG_INSTANCE_NAME: 'traced',
    ...QUIET,
  });
  await replica.waitForEvent('audit-timeout.activation');
  replica.kill('SIGTERM');
  expect(await replica.exited).toEqual({ code: 0, signal: null });

  const activation = collector.spans.find(({ name }) => name === 'activation audit-timeout');
  expect(activation?.attributes).toMatchObject({
    'sealog.job': 'audit-timeout',
    'sealog.by': 'traced',
    'sealog.trigger': 'startup',
    'sealog.timedOut': 1,
    'sealog.limit': 1000,
    'sealog.limitReached': false,
    'sealog.byOperation': '{"disk_create":1}',
    'sealog.sampleIds': ids,
    'sealog.skipped': [],
    'sealog.cutoff': expect.stringMatching(/^\d{4}-.*Z$/),
    'sealog.durationMs': expect.any(Number),
  });
  expect(activation?.status.code ?? 0).toBe(0);
  const process = collector.spans.find(({ spanId }) => spanId === activation?.parentSpanId);
  expect(process).toMatchObject({ name: 'process audit-timeout', traceId: activation?.traceId });
  expect(collector.resources[0]).toEqual({
    'service.name': 'audit worker',
    'deployment.environment.name': 'test,1',
  });
  expect(collector.headers[0]).toMatchObject({ path: '/v1/traces', 'x-tenant': 'blue' });
});

test('an activation that fails is a span with an error', async () => {
  await insertEntries(database.pool, [{ startedMinutesAgo: 600 }]);
  await database.pool.query('alter table sealog.audit_log rename to elsewhere');
  await database.pool.query('create view sealog.audit_log as select * from sealog.elsewhere where 1 / 0 = 1');
  await using replica = await startProbedWorker(database.url, {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/mine`,
    ...QUIET,
  });
  const failed = await collector.waitForSpan(({ name }) => name === 'activation audit-timeout');
  expect(failed.status).toEqual({ code: 2, message: expect.stringContaining('division by zero') });
  expect(failed.attributes).toMatchObject({ 'sealog.trigger': 'startup' });
  expect(collector.headers[0]).toMatchObject({ path: '/mine' });
  expect(replica.lines().join('\n')).toContain('division by zero');
});

test.each([
  ['no endpoint', {}],
  ['a disabled SDK', { OTEL_SDK_DISABLED: 'true' }],
] as const)('with %s nothing of it is loaded or sent', async (_, env) => {
  const endpoint = 'OTEL_SDK_DISABLED' in env ? { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } : {};
  await using replica = await startProbedWorker(database.url, {
    ...env,
    ...endpoint,
    NODE_DEBUG: 'esm',
  });
  await replica.waitForEvent('audit-timeout.activation');
  replica.kill('SIGTERM');
  await replica.exited;
  expect(collector.spans).toEqual([]);
  expect(replica.stderr).toContain('node_modules/@opentelemetry/exporter-prometheus/dist');
  expect(replica.stderr).not.toContain('node_modules/@opentelemetry/exporter-trace-otlp-http/dist');
});

test('a collector that hangs neither holds up activations nor the end', async () => {
  await using replica = await startProbedWorker(database.url, {
    // Accepts and never answers.
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${new URL(database.url).port}`,
  });
  await replica.waitForEvent('audit-timeout.activation');
  replica.kill('SIGTERM');
  expect(await replica.exited).toEqual({ code: 0, signal: null });
});
