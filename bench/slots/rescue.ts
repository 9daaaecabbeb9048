import { setTimeout as delay } from 'node:timers/promises';
import { openFleet } from '../../test/support/faults/fleet.ts';
import { killInActivation, RESCUE_SETTINGS } from '../../test/support/faults/rescue.ts';
import type { BenchServer } from '../harness/server.ts';
import { type Contestant, startReplica } from '../idle/contestants.ts';

export interface RescueOptions {
  readonly server: BenchServer;
  /** Replicas look at times that count from their start, so they run for a while first, and not always as long. */
  readonly settleMs: number;
}

/** Answers how long one rescue took, in seconds: from SIGKILL to the activation that another replica has completed. */
export async function rescueOfSealog(executable: string, { server, settleMs }: RescueOptions): Promise<number> {
  await using database = await server.createDatabase();
  const env = { ...RESCUE_SETTINGS, NODE_ENV: 'production', SEALOG_HTTP_PORT: '0' };
  await using fleet = openFleet({ url: database.url, executable, env });
  for (const name of ['one', 'two']) await fleet.ready(await fleet.start(name));
  await delay(settleMs);
  const rescue = await killInActivation({ cluster: database, fleet }, 1000);
  if (rescue.rescuer === rescue.victim) throw new Error(`the dead ${rescue.victim} has completed the activation`);
  return rescue.ms / 1000;
}

/** The same of a peer: from SIGKILL to the start of the job on the other replica. */
export async function rescueOfPeer(contestant: Contestant, { server, settleMs }: RescueOptions): Promise<number> {
  await using database = await server.createDatabase({ empty: true });
  await using stack = new AsyncDisposableStack();
  const start = async (name: string, env: Readonly<Record<string, string>>) => {
    const at = { url: database.url, name, schedule: '0 0 1 1 *' };
    return stack.use((await startReplica({ ...contestant, env }, at)).process);
  };
  const replicas = [
    await start('one', { CATCH: 'yes' }),
    await start('two', { CATCH: 'yes', SEND_AFTER_MS: String(settleMs) }),
  ];
  const startOf = async (attempt: number) =>
    await Promise.any(
      replicas.map(async (replica) => {
        await replica.waitForLine((line) => line === `started ${attempt}`, 120_000);
        return replica;
      }),
    );
  const victim = await startOf(0);
  victim.kill('SIGKILL');
  const killed = performance.now();
  if ((await startOf(1)) === victim) throw new Error('the dead replica has started the job');
  return (performance.now() - killed) / 1000;
}
