/**
 * Twelve `sealog migrate` and twelve replicas at once on an empty database; replicas before their PostgreSQL; SIGTERM
 * in front of a frozen database. Run: node test/soak/start-up.ts
 */
import { sealogCommand } from '../support/command.ts';
import { checkEffects } from '../support/faults/check-activations.ts';
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { openFleet } from '../support/faults/fleet.ts';
import { summarise } from '../support/faults/statistics.ts';
import { spawnNode } from '../support/processes.ts';
import { startProxy } from '../support/tcp-proxy.ts';

await experiment('start-up', async ({ history }) => {
  const problems: string[] = [];
  await using cluster = await startFaultCluster({ empty: true });
  await using proxy = await startProxy(cluster.url);
  await using fleet = openFleet({ url: proxy.url, history });
  await using stack = new AsyncDisposableStack();
  const started = performance.now();
  const since = (): number => Math.round(performance.now() - started);
  const numbers = Array.from({ length: 12 }, (_, index) => index + 1);
  const migrations = numbers.map(async () => {
    const migration = stack.use(await spawnNode([sealogCommand, 'migrate'], { env: { DATABASE_URL: cluster.url } }));
    const { code } = await migration.exited;
    if (code !== 0) problems.push(`migrate ended with ${code}: ${migration.stderr}`);
    return since();
  });
  const readyMs = await Promise.all(
    numbers.map(async (number) => {
      await fleet.ready(await fleet.start(`replica-${number}`), 240_000);
      return since();
    }),
  );
  const migratedMs = await Promise.all(migrations);
  problems.push(...(await checkEffects(cluster.pool, { timeoutSeconds: 14_400 })));

  await proxy.cut();
  const early = await fleet.start('early');
  await early.process.waitForEvent('database.waiting');
  await proxy.mend();
  const mended = performance.now();
  await fleet.ready(early);
  const startAfterDatabaseMs = Math.round(performance.now() - mended);

  const env = { SEALOG_SHUTDOWN_GRACE_SECONDS: '5' };
  const frozen = await fleet.ready(await fleet.start('frozen', { env }));
  proxy.freeze();
  const told = performance.now();
  const exit = await fleet.terminate(frozen);
  const exitFromFrozenMs = Math.round(performance.now() - told);
  proxy.thaw();
  if (exit.code === 0) problems.push('a replica before a frozen database ended with 0');
  if (exitFromFrozenMs > 6500) problems.push(`a replica before a frozen database ended after ${exitFromFrozenMs} ms`);

  const exits = await Promise.all(fleet.replicas.map(async (replica) => await fleet.terminate(replica)));
  if (exits.some(({ code }) => code !== 0)) problems.push(`exits: ${JSON.stringify(exits)}`);
  problems.push(...fleet.died.map(({ name }) => `${name} died`));
  return {
    problems,
    migratedMs: summarise(migratedMs),
    replicaReadyMs: summarise(readyMs),
    startAfterDatabaseMs,
    frozen: { graceSeconds: 5, exitCode: exit.code, afterMs: exitFromFrozenMs },
  };
});
