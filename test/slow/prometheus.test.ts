/** The alerts and the dashboard, by Debian's promtool and Prometheus, on a real fleet. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { openPool } from '../../src/store/open-pool.ts';
import { requestActivation } from '../../src/worker/request-activation.ts';
import { connected } from '../support/connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { insertEntries } from '../support/entries.ts';
import { type ProbedWorker, startProbedWorker } from '../support/probed-worker.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { waitUntil } from '../support/wait.ts';

const ALERTS = 'deploy/prometheus/alerts.yaml';
const SETTINGS = {
  SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *',
  SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '2',
  SEALOG_AUDIT_TIMEOUT_DRAIN_BACKLOG: 'false',
};

let database: TestDatabase;
let fleet: ProbedWorker[];
let prometheus: Prometheus;
let alerts: string;

beforeAll(async () => {
  alerts = await readFile(ALERTS, 'utf8');
  database = await createDatabase();
  await insertEntries(database.pool, [{ startedMinutesAgo: 600, operationId: 'disk_create' }]);
  fleet = await Promise.all(
    ['a', 'b'].map(async (name) => await startProbedWorker(database.url, { ...SETTINGS, SEALOG_INSTANCE_NAME: name })),
  );
  await Promise.all(fleet.map((replica) => replica.waitForEvent('worker.started')));
  await Promise.any(fleet.map((replica) => replica.waitForEvent('audit-timeout.activation')));
  prometheus = await startPrometheus({ ports: fleet.map(({ port }) => port), rules: inLessTime(alerts) });
});
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]();
  await Promise.all((fleet ?? []).map((replica) => replica[Symbol.asyncDispose]()));
  await database?.[Symbol.asyncDispose]();
});

/**
 * The rules with minutes as seconds, and a fifteenth of the period: of one minute, four seconds. Everything else is as
 * it is shipped.
 */
function inLessTime(shipped: string): string {
  return shipped
    .replaceAll(/(for: |\[|offset )(\d+)m\b/g, '$1$2s')
    .replaceAll(/sealog_schedule_period_seconds(?:\{[^}]*\})?/g, '($& / 15)');
}

/** Runs promtool; throws with what it printed. */
async function promtool(args: readonly string[], input = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile('promtool', args, (error, stdout, stderr) =>
    error
      ? reject(new Error(`promtool ${args.join(' ')}: ${stdout}${stderr}`, { cause: error }))
      : resolve(stdout + stderr),
  );
  child.stdin?.end(input);
  return await promise;
}

test('the rules are valid, and each alert fires and clears in its rule test', async () => {
  expect(await promtool(['check', 'rules', ALERTS])).toContain('SUCCESS');
  expect(await promtool(['check', 'config', 'deploy/prometheus/prometheus.yaml'])).toContain('SUCCESS');
  expect(await promtool(['test', 'rules', 'deploy/prometheus/alerts.test.yaml'])).toContain('SUCCESS');
  const { tests } = parse(await readFile('deploy/prometheus/alerts.test.yaml', 'utf8')) as RuleTests;
  const checks = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  for (const { alert } of rules()) {
    const of = checks.filter(({ alertname }) => alertname === alert).map(({ exp_alerts }) => exp_alerts.length > 0);
    expect({ alert, fires: of.includes(true), clears: of.lastIndexOf(false) > of.indexOf(true) }).toEqual({
      alert,
      fires: true,
      clears: true,
    });
  }
});

test('each alert links to its section of the runbook', async () => {
  const headings = [...(await readFile('docs/operations.md', 'utf8')).matchAll(/^#+ (.*)$/gm)];
  const anchors = headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  for (const { labels, annotations } of rules()) {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary).not.toBe('');
    expect(annotations.description).not.toBe('');
    const [, anchor] =
      /^https:\/\/sealog\.example\/docs\/operations\.md#(alert-.+)$/.exec(annotations.runbook_url) ?? [];
    expect(anchors).toContain(anchor);
  }
});

test('the metrics of a worker pass the lint of Prometheus', async () => {
  const { body } = await fleet[0]!.get('/metrics');
  expect(await promtool(['check', 'metrics'], body)).toBe('');
});

test('a Prometheus scrapes the workers, and has every metric that alerts and dashboard name', async () => {
  await waitUntil('both replicas scraped', async () => {
    const { activeTargets } = (await prometheus.api('targets')) as {
      activeTargets: { health: string; lastError: string }[];
    };
    expect(activeTargets.map(({ lastError }) => lastError).join('')).toBe('');
    return activeTargets.length === 2 && activeTargets.every(({ health }) => health === 'up');
  });
  const scraped = new Set((await prometheus.api('label/__name__/values')) as string[]);
  const named = [...rules().map(({ expr }) => expr), ...(await dashboardExpressions())]
    .join('\n')
    // Labels are not metrics.
    .replaceAll(/\{[^}]*\}|by \([^)]*\)/g, ' ')
    .matchAll(/\b(?:sealog|pgboss|messaging)_\w+/g);
  const missing = [...new Set([...named].map(([name]) => name))].filter((name) => !scraped.has(name));
  expect(missing).toEqual([]);
});

test('the dashboard chooses its data source, and a Prometheus answers each of its expressions', async () => {
  const { templating, panels } = await dashboard();
  expect(templating.list).toContainEqual(
    expect.objectContaining({ name: 'datasource', type: 'datasource', query: 'prometheus' }),
  );
  expect(panels.map(({ datasource }) => datasource.uid)).toEqual(panels.map(() => '${datasource}'));
  for (const query of await dashboardExpressions()) {
    await expect(prometheus.api('query', { query })).resolves.toMatchObject({ resultType: 'vector' });
  }
  const whole = (await prometheus.api('query', {
    query: panels[0]!.targets[0]!.expr.replaceAll('$job', 'sealog'),
  })) as { result: { value: [number, string] }[] };
  expect(whole.result[0]?.value[1]).toBe('1');
});

test('on a fleet, alerts fire when the horizon is held, a backlog grows and nothing is activated, and clear', async () => {
  const expected = ['SealogBacklogGrows', 'SealogHorizonHeld', 'SealogNoActivation'];
  expect(await prometheus.firing()).not.toEqual(expect.arrayContaining(['SealogHorizonHeld', 'SealogBacklogGrows']));
  await using holder = await connected(database.url);
  const [held] = await insertEntries(database.pool, [{ startedMinutesAgo: 1 }]);
  await holder.query('begin');
  await holder.query(`update sealog.audit_log set result_kind = 'success' where id = $1`, [held]);

  const fired = new Set<string>();
  let insertedAt = 0;
  await waitUntil(
    'the alerts fire',
    async () => {
      for (const name of await prometheus.firing()) fired.add(name);
      if (performance.now() - insertedAt > 1000) {
        insertedAt = performance.now();
        await insertEntries(database.pool, [{ startedMinutesAgo: 600 }, { startedMinutesAgo: 600 }]);
      }
      return expected.every((name) => fired.has(name));
    },
    80_000,
  );

  await holder.query('rollback');
  await database.pool.query(`update sealog.audit_log set result_kind = 'success' where time_completed is null`);
  await using pool = await activating();
  const still = new Set(expected);
  await waitUntil(
    'the alerts clear',
    async () => {
      const firing = await prometheus.firing();
      for (const name of expected) if (!firing.includes(name)) still.delete(name);
      if (still.has('SealogNoActivation')) await pool.activate();
      return still.size === 0;
    },
    60_000,
  );
});

async function activating(): Promise<AsyncDisposable & { activate(): Promise<unknown> }> {
  const pool = openPool({ connectionString: database.url, max: 2, applicationName: 'test', onError: () => {} });
  const queue = { pool, schema: 'pgboss', auditLogSchema: 'sealog', logger: recordingLogger(), instanceName: 'test' };
  return {
    activate: () => requestActivation(queue, { job: 'audit-timeout', waitSeconds: 30 }),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

function rules(): Rule[] {
  return (parse(alerts) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
}

interface RuleTests {
  readonly tests: { readonly alert_rule_test: { readonly alertname: string; readonly exp_alerts: unknown[] }[] }[];
}

interface Dashboard {
  readonly templating: { readonly list: object[] };
  readonly panels: { readonly datasource: { readonly uid: string }; readonly targets: { readonly expr: string }[] }[];
}

async function dashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile('deploy/grafana/dashboard.json', 'utf8')) as Dashboard;
}

async function dashboardExpressions(): Promise<string[]> {
  const { panels } = await dashboard();
  return panels.flatMap(({ targets }) =>
    targets.map(({ expr }) => expr.replaceAll('$job', 'sealog').replaceAll('$__rate_interval', '1m')),
  );
}
