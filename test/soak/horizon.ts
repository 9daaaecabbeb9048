/**
 * The loss test for as long as wanted: `npm run soak:horizon -- --minutes 30 [--seed 1]`. Each minute is a run of its
 * own, with an empty log and the next seed, on one throw-away server. Ends with 1 when anything was lost.
 */
import { parseArgs } from 'node:util';
import { databaseUrl, execute, startTestCluster } from '../support/cluster.ts';
import { chooseSeed } from '../support/stable-past/random.ts';
import { runStablePast } from '../support/stable-past/run.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' } } });
const minutes = Number(values.minutes);
const firstSeed = Number(values.seed ?? chooseSeed());
const SECONDS = 60;

const total = { completed: 0, pages: 0, violations: 0, naiveLost: 0 };
await using cluster = await startTestCluster(process.env['SEALOG_TEST_DATABASE_URL']);
for (let round = 0; round < minutes; round++) {
  const seed = firstSeed + round;
  const database = `sealog_soak_${process.pid}_${round}`;
  await execute(cluster.url, `create database ${database} template ${cluster.template}`);
  const url = databaseUrl(cluster.url, database);
  const seconds = Math.min(SECONDS, (minutes - round) * SECONDS);
  const { violations, naive, completed, pages, load } = await runStablePast({
    url,
    seconds,
    seed,
    askAgain: 2000,
  });
  await execute(cluster.url, `drop database ${database} with (force)`);
  total.completed += completed;
  total.pages += pages;
  total.violations += violations.length;
  total.naiveLost += naive.lost;
  console.log(
    JSON.stringify({ seed, seconds, completed, pages, violations: violations.length, naive: naive.lost, load }),
  );
  for (const violation of violations.slice(0, 20)) console.error(violation);
}
console.log(JSON.stringify({ minutes, ...total, naivePercent: (100 * total.naiveLost) / total.completed }));
if (total.violations > 0 || total.naiveLost === 0) process.exitCode = 1;
