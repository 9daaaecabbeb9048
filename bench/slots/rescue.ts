import { type BenchServer } from '../harness/server.ts';
import { openFleet } from '../../test/support/faults/fleet.ts';
import { killInActivation, RESCUE_SETTINGS } from '../../test/support/faults/rescue.ts';
import { type Contestant, startReplica } from '../idle/contestants.ts';

/** Answers how long each rescue took, in seconds: from SIGKILL to the activation that another replica has completed. */
export async function rescueOfSealog(server: BenchServer, rounds: number): Promise<readonly number[]> {
  await using database = await server.createDatabase();
  await using fleet = openFleet({ url: database.url, env: RESCUE_SETTINGS });
  for (const name of ['one', 'two']) await fleet.ready(await fleet.start(name));
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const rescue = await killInActivation({ cluster: database, fleet }, 1000);
    if (rescue.rescuer === rescue.victim) throw new Error(`the dead ${rescue.victim} has completed the activation`);
    seconds.push(rescue.ms / 1000);
    await fleet.ready(await fleet.start(rescue.victim));
  }
  return seconds;
}

/** The same of bare pg-boss: from SIGKILL to the start of the job on another replica. */
export async function rescueOfPgBoss(
  server: BenchServer,
  contestant: Contestant,
  rounds: number,
): Promise<readonly number[]> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await using database = await server.createDatabase({ empty: true });
    await database.pool.query('create table started (at timestamptz not null)');
    await using stack = new AsyncDisposableStack();
    const replicas = [];
    for (const name of ['one', 'two']) {
      const at = { url: database.url, name, schedule: '0 0 1 1 *' };
      const { process: replica } = await startReplica({ ...contestant, env: { CATCH: 'yes' } }, at);
      replicas.push(stack.use(replica));
    }
    const starts = replicas.map(async (replica) => {
      await replica.waitForLine((line) => line === 'started', 120_000);
      return replica;
    });
    // The other's promise is of the rescue.
    const victim = await Promise.race(starts);
    victim.kill('SIGKILL');
    const killed = performance.now();
    await Promise.all(starts);
    seconds.push((performance.now() - killed) / 1000);
  }
  return seconds;
}
