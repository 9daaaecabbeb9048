/**
 * How soon an activation starts after its slot, and how soon it is done by another replica when its own is killed.
 * First the slots, which all contestants serve at once, each by a new replica; then the rescues, one at a time, each by a
 * new fleet of two. All are what is installed: JavaScript, sealog built.
 */
import type { Benchmark, BenchContext, Row } from './harness/benchmark.ts';
import { inTurn, spread } from './harness/measure.ts';
import { buildSealog, type Contestant, contestants } from './idle/contestants.ts';
import { latenessOf, STARTED } from './slots/lateness.ts';
import { rescueOfPeer, rescueOfSealog } from './slots/rescue.ts';

const RESCUE_SECONDS = 30;
/** As long as the longest of the intervals at which replicas look: those of BullMQ, by default. */
const SETTLE_MS = 30_000;

export const benchmark: Benchmark = {
  name: 'slots',
  question: 'How soon does an activation start after its slot, and how soon is it rescued after a crash?',
  peers: ['bullmq', 'graphile-worker'],
  async run({ tiny, server, progress }) {
    const slots = tiny ? 0 : 6;
    const rounds = tiny ? 1 : 6;
    const sealog = tiny ? 'src/bin.ts' : await buildSealog();
    const all = contestants(sealog, { table: STARTED });
    const peers = contestants(sealog).filter(({ rescueSeconds = Infinity }) => rescueSeconds <= (tiny ? 30 : 60));
    progress(`${slots} slots`);
    const started = await everyOne(
      all.map(async (contestant) => ({ name: contestant.name, seconds: await latenessOf(server, contestant, slots) })),
    );
    const rescues = await rescue({ tiny, server, progress }, { sealog, peers, rounds });
    const worst = Math.max(...rescues.find(({ name }) => name === 'sealog')!.seconds);
    return {
      tables: [
        {
          title: 'From the slot to the first statement of the activation, one replica, seconds',
          rows: started.filter(({ seconds }) => seconds.length > 0).map(rowOf),
        },
        { title: 'From SIGKILL to the rescue, two replicas, seconds', rows: rescues.map(rowOf) },
      ],
      aims: [
        {
          aim: `the slowest rescue of sealog within ${RESCUE_SECONDS} s`,
          measured: worst,
          reached: worst < RESCUE_SECONDS,
        },
      ],
      counts: [
        ...rescues.map(({ name, seconds }) => ({
          what: `${name}: activations rescued`,
          expected: rounds,
          counted: seconds.length,
        })),
        {
          what: 'slots that nobody served',
          expected: 0,
          counted: started.reduce((sum, { seconds }) => sum + slots - seconds.length, 0),
        },
      ],
      plot: plotOf(started, rescues),
      notes: [
        'By its defaults, pg-boss rescues a job after 15 minutes (expireInSeconds), and graphile-worker after 4 hours (its reset of locked_at), which no setting changes: neither was waited for.',
        'Sealog: to the completed activation. The others: to the start of the job on the other replica. All were killed as soon as the activation had started.',
      ],
    };
  },
};

interface Samples {
  readonly name: string;
  readonly seconds: readonly number[];
}

interface Rescues {
  readonly sealog: string;
  readonly peers: readonly Contestant[];
  /** Of each. */
  readonly rounds: number;
}

async function rescue(
  { tiny, server, progress }: Omit<BenchContext, 'largest'>,
  { sealog, peers, rounds }: Rescues,
): Promise<readonly Samples[]> {
  const options = () => ({ server, settleMs: tiny ? 0 : Math.random() * SETTLE_MS });
  const rescues: Readonly<Record<string, () => Promise<number>>> = {
    sealog: () => rescueOfSealog(sealog, options()),
    ...Object.fromEntries(peers.map((peer) => [peer.name, () => rescueOfPeer(peer, options())])),
  };
  if (tiny) {
    progress('a rescue of each, at once');
    return await everyOne(Object.entries(rescues).map(async ([name, one]) => ({ name, seconds: [await one()] })));
  }
  const told = Object.entries(rescues).map(([name, one]) => [
    name,
    async (round: number) => {
      progress(`rescue ${round + 1} of ${rounds} by ${name}`);
      return await one();
    },
  ]);
  const samples = await inTurn(Object.fromEntries(told), { rounds, warmUp: 0 });
  return Object.entries(samples).map(([name, seconds]) => ({ name, seconds }));
}

function rowOf({ name, seconds }: Samples): Row {
  const { n, min, q1, median, q3, max } = spread(seconds);
  return { contestant: name, n, 'median s': median, 'q1 s': q1, 'q3 s': q3, 'fastest s': min, 'slowest s': max };
}

function plotOf(started: readonly Samples[], rescues: readonly Samples[]) {
  const valuesOf = (what: string, all: readonly Samples[]) =>
    all.flatMap(({ name, seconds }) => seconds.map((each) => ({ what, contestant: name, seconds: each })));
  return {
    title: 'How soon an activation starts',
    data: {
      values: [
        ...valuesOf('from the slot to the first statement', started),
        ...valuesOf('from SIGKILL to the rescue', rescues),
      ],
    },
    facet: {
      row: { field: 'what', type: 'nominal', sort: null, title: null, header: { labelAngle: 0, labelOrient: 'top' } },
    },
    resolve: { scale: { y: 'independent' } },
    spec: {
      width: 480,
      mark: 'point',
      encoding: {
        y: { field: 'contestant', type: 'nominal', title: null },
        x: { field: 'seconds', type: 'quantitative', scale: { zero: true } },
      },
    },
  };
}

/** Each ends its replicas before an error of another ends this program. */
async function everyOne<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}
