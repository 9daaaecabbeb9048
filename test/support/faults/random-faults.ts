import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../stable-past/random.ts';
import { startProxy, type TcpProxy } from '../tcp-proxy.ts';
import type { FaultCluster } from './fault-cluster.ts';
import type { Fleet, Replica } from './fleet.ts';
import type { History } from './history.ts';

/** A fleet in which each replica has a network of its own, and what may happen to it. */
export interface Troubles extends AsyncDisposable {
  /** Starts all replicas and waits until they have started. */
  begin(): Promise<void>;
  /** One fault chosen at random, from its beginning to its end. Returns its name. */
  next(): Promise<string>;
  /** Everything as it should be again. */
  end(): Promise<void>;
  /** When the database was down for everyone, by the wall clock. */
  readonly outages: readonly { readonly from: number; readonly to: number }[];
}

export interface TroublesOptions {
  readonly cluster: FaultCluster;
  readonly fleet: Fleet;
  readonly random: Random;
  readonly history: History;
  readonly names: readonly string[];
}

export async function openTroubles(options: TroublesOptions): Promise<Troubles> {
  const { cluster, fleet, random, history, names } = options;
  const networks = new Map<string, TcpProxy>();
  for (const name of names) networks.set(name, await startProxy(cluster.url));
  const outages: { from: number; to: number }[] = [];
  const network = (replica: Replica): TcpProxy => networks.get(replica.name)!;
  const start = async (name: string): Promise<Replica> => await fleet.start(name, { url: networks.get(name)!.url });
  const seconds = async (least: number, most: number): Promise<void> =>
    await delay(1000 * (least + (most - least) * random.fraction()));

  const faults: Record<string, (victim: Replica) => Promise<void>> = {
    async kill(victim) {
      await fleet.kill(victim);
      await seconds(0, 5);
      await start(victim.name);
    },
    async terminate(victim) {
      await fleet.terminate(victim);
      await start(victim.name);
    },
    async 'short pause'(victim) {
      fleet.pause(victim);
      await seconds(1, 5);
      fleet.resume(victim);
    },
    async 'pause past the heartbeat'(victim) {
      fleet.pause(victim);
      await seconds(11, 18);
      fleet.resume(victim);
    },
    async cut(victim) {
      await network(victim).cut();
      await seconds(1, 8);
      await network(victim).mend();
    },
    async freeze(victim) {
      network(victim).freeze();
      await seconds(1, 15);
      network(victim).thaw();
    },
    async 'half-open'(victim) {
      network(victim).halfOpen();
      await seconds(1, 10);
      await network(victim).mend();
    },
    async slow(victim) {
      network(victim).delay(20 + random.below(200));
      await seconds(3, 8);
      network(victim).delay(0);
    },
    async 'immediate restart of the database'() {
      const from = Date.now();
      await cluster.killImmediately();
      outages.push({ from, to: Date.now() });
    },
  };

  return {
    outages,
    async begin() {
      await Promise.all(names.map(async (name) => await fleet.ready(await start(name))));
    },
    async next() {
      const fault = random.pick(Object.keys(faults));
      const victim = random.pick(fleet.replicas);
      history.record('fault', { fault, victim: victim.name });
      await faults[fault]!(victim);
      history.record('fault over', { fault, victim: victim.name });
      return fault;
    },
    async end() {
      for (const proxy of networks.values()) await proxy.mend();
      history.record('no more faults');
    },
    async [Symbol.asyncDispose]() {
      for (const proxy of networks.values()) await proxy[Symbol.asyncDispose]();
    },
  };
}
