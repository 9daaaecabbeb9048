/**
 * PostgreSQL killed with `immediate` five times, then cut off from replicas and services for 200 s by a proxy.
 * Run: node test/soak/database-away.ts [--rounds 5] [--seed S]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { activationRows, databaseNow } from '../support/faults/activations.ts';
import { checkEffects, checkLogLines, checkOneAtATime, checkSlots } from '../support/faults/check-activations.ts';
import { checkEntries } from '../support/faults/check-entries.ts';
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { logLines } from '../support/faults/log-lines.ts';
import { latencies, startService, waitForBegin } from '../support/faults/services.ts';
import { summarise } from '../support/faults/statistics.ts';
import { startProxy } from '../support/tcp-proxy.ts';

const CUT_SECONDS = 200;
const options = { timeoutSeconds: 5 };

await experiment('database-away', async ({ history, seed, random, rounds = 5 }) => {
  await using cluster = await startFaultCluster();
  const { pool } = cluster;
  await using proxy = await startProxy(cluster.url);
  const env = { SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *', SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: '5' };
  await using fleet = openFleet({ url: proxy.url, history, env });
  await Promise.all(['one', 'two', 'three'].map(async (name) => await fleet.ready(await fleet.start(name))));
  await using stack = new AsyncDisposableStack();
  const service = stack.use(await startService({ url: proxy.url, name: 'service', seed, requests: 4 }));
  const from = await databaseNow(pool);
  const outages: { from: number; to: number }[] = [];

  const downMs: number[] = [];
  const recoveryMs: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await delay(4000 + 4000 * random.fraction());
    const killedAt = Date.now();
    downMs.push(await cluster.killImmediately());
    const back = Date.now();
    outages.push({ from: killedAt, to: back });
    recoveryMs.push((await waitForBegin([service], back)) - back);
    history.record('killed immediately', { round, downMs: downMs.at(-1), recoveryMs: recoveryMs.at(-1) });
  }

  const linesBefore = fleet.replicas.map((replica) => replica.process.lines().length);
  const cutAt = await databaseNow(pool);
  history.record('cut');
  await proxy.cut();
  await delay(CUT_SECONDS * 1000);
  await proxy.mend();
  const mendedAt = await databaseNow(pool);
  history.record('mended');
  outages.push({ from: cutAt, to: mendedAt });
  const cutRecoveryMs = (await waitForBegin([service], mendedAt)) - mendedAt;
  // The first slot after the outage is served too.
  await delay(75_000);
  const linesInOutage = fleet.replicas.map((replica, index) => {
    const levels = logLines(replica.process).filter(({ level = 0, time }) => {
      return level >= 40 && Date.parse(String(time)) < mendedAt && Date.parse(String(time)) >= cutAt;
    });
    return { replica: replica.name, linesBefore: linesBefore[index], errorAndWarnLines: levels.length };
  });
  await service.stop();
  const to = await databaseNow(pool);

  const catchUps = (await activationRows(pool, options)).filter(({ trigger, createdAt }) => {
    return trigger === 'schedule' && createdAt >= cutAt && createdAt < Math.ceil(mendedAt / 60_000) * 60_000;
  });
  const verdict = await checkEntries(pool, service.reports(), { boundSeconds: 5 + 60 + 30 });
  const slots = await checkSlots(pool, { ...options, from, to, outages });
  const problems = [
    ...verdict.problems,
    ...slots.problems,
    ...(await checkEffects(pool, options)),
    ...(await checkOneAtATime(pool, options)),
    ...(await checkLogLines(pool, fleet.everyone)),
    ...fleet.died.map(({ name }) => `${name} died`),
  ];
  if (catchUps.length > 2) problems.push(`${catchUps.length} activations for the missed slots`);
  if (Math.max(cutRecoveryMs, ...recoveryMs) > 5000) problems.push('begin took more than 5 s to recover');
  return {
    problems,
    immediateKills: rounds,
    downMs: summarise(downMs),
    beginRecoveryMs: summarise(recoveryMs),
    cutSeconds: CUT_SECONDS,
    beginRecoveryAfterCutMs: cutRecoveryMs,
    catchUps: catchUps.map(({ state, createdAt }) => ({ state, afterMendMs: Math.round(createdAt - mendedAt) })),
    linesInOutage,
    beginMs: summarise(latencies([service], { event: 'begun' })),
    entries: { begun: verdict.begun, ...verdict.byResult, amendments: verdict.amendments },
    diedReplicas: fleet.died.length,
  };
});
