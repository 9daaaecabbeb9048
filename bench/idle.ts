/**
 * What fleets cost that have nothing to do: statements, as a proxy counts them on the wire, processor time and memory;
 * and how long a replica takes to be ready. All fleets are up at once, each on a database of its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchContext, Benchmark, Row } from './harness/benchmark.ts';
import { inTurn, median, spread } from './harness/measure.ts';
import type { BenchServer } from './harness/server.ts';
import type { NodeProcess } from '../test/support/processes.ts';
import { buildSealog, type Contestant, contestants, startReplica } from './idle/contestants.ts';
import { processCost } from './idle/process-cost.ts';
import { countStatements } from './idle/statement-counter.ts';

// Of no slot, so that nobody has anything to do.
const SCHEDULE = '0 0 1 1 *';
const AIM = 0.5;

export const benchmark: Benchmark = {
  name: 'idle',
  question: 'What does a fleet cost that has nothing to do, beside bare pg-boss, graphile-worker and BullMQ?',
  peers: ['bullmq', 'graphile-worker'],
  async run({ tiny, server, progress }) {
    const sizes = tiny ? [1, 2] : [1, 4, 16];
    const seconds = tiny ? 6 : 300;
    const all = contestants(tiny ? 'src/bin.ts' : await buildSealog()).filter(({ name }) => !name.includes('often'));
    const startUp = await measureStartUp(all, { tiny, server, progress });
    await using fleets = new AsyncDisposableStack();
    const running: Fleet[] = [];
    for (const contestant of all) {
      for (const size of sizes) {
        progress(`starting ${size} of ${contestant.name}`);
        running.push(fleets.use(await startFleet(server, contestant, size)));
      }
    }
    progress(`all idle, and settling`);
    await delay(tiny ? 1000 : 30_000);
    const before = await Promise.all(running.map((fleet) => fleet.spent()));
    progress(`counting for ${seconds} s`);
    await delay(seconds * 1000);
    const after = await Promise.all(running.map((fleet) => fleet.spent()));
    const rows = running.map(({ contestant, size }, index) => {
      const [from, to] = [before[index]!, after[index]!];
      return {
        contestant,
        replicas: size,
        'statements/s': (to.statements - from.statements) / seconds,
        'CPU ms/s, each': (to.cpuMs - from.cpuMs) / seconds / size,
        'resident MiB, each': Math.round(to.residentMiB / size),
        'connections, each': to.connections / size,
      };
    });
    const added = addedReplicas(rows);
    const perAdded = Number(added.find(({ contestant }) => contestant === 'sealog')!['statements/s, each added']);
    return {
      tables: [
        { title: `Idle for ${seconds} s`, rows },
        { title: 'For each replica that a fleet of one is given', rows: added },
        { title: 'From exec to ready', rows: startUp },
      ],
      aims: [
        { aim: `at most ${AIM} statements/s for each added replica`, measured: perAdded, reached: perAdded <= AIM },
        ratioAim('memory at most that of pg-boss', rows, 'resident MiB, each'),
        ratioAim('start-up at most that of pg-boss', startUp, 'median ms'),
      ],
      counts: [
        {
          what: 'replicas alive at the end',
          expected: running.reduce((sum, { size }) => sum + size, 0),
          counted: after.reduce((sum, { alive }) => sum + alive, 0),
        },
        {
          what: 'fleets that sent nothing, from their start',
          expected: 0,
          counted: after.filter(({ statements }) => statements === 0).length,
        },
      ],
      plot: {
        title: 'Statements a second for each added replica',
        width: 480,
        data: { values: added },
        mark: 'bar',
        encoding: {
          y: { field: 'contestant', type: 'nominal', sort: null, title: null },
          x: { field: 'statements/s, each added', type: 'quantitative' },
        },
      },
      notes: ['Statements: messages Query and Execute of the wire protocol, counted by a proxy before each fleet.'],
    };
  },
};

interface Spent {
  readonly statements: number;
  readonly cpuMs: number;
  readonly residentMiB: number;
  readonly connections: number;
  readonly alive: number;
}

interface Fleet extends AsyncDisposable {
  readonly contestant: string;
  readonly size: number;
  spent(): Promise<Spent>;
}

async function startFleet(server: BenchServer, contestant: Contestant, size: number): Promise<Fleet> {
  await using starting = new AsyncDisposableStack();
  const database = starting.use(await server.createDatabase({ empty: contestant.name !== 'sealog' }));
  const counter = starting.use(await countStatements(database.url));
  const replicas: NodeProcess[] = [];
  for (let number = 1; number <= size; number++) {
    const at = { url: counter.url, name: `replica-${number}`, schedule: SCHEDULE };
    replicas.push(starting.use((await startReplica(contestant, at)).process));
  }
  const started = starting.move();
  return {
    contestant: contestant.name,
    size,
    async spent() {
      const { rows } = await database.pool.query<{ connections: number }>(
        `select count(*)::integer as connections from pg_stat_activity
          where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`,
      );
      const costs = await Promise.all(replicas.map(({ pid }) => processCost(pid).catch(() => undefined)));
      const alive = costs.filter((cost) => cost !== undefined);
      return {
        statements: counter.statements(),
        cpuMs: alive.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
        residentMiB: alive.reduce((sum, { residentMiB }) => sum + residentMiB, 0),
        connections: rows[0]!.connections,
        alive: alive.length,
      };
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

async function measureStartUp(
  all: readonly Contestant[],
  { tiny, server, progress }: Omit<BenchContext, 'largest'>,
): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const measures: Record<string, () => Promise<number>> = {};
  for (const contestant of all) {
    const { url } = stack.use(await server.createDatabase({ empty: contestant.name !== 'sealog' }));
    measures[contestant.name] = async () => {
      progress(`start-up of ${contestant.name}`);
      const { process: child, readyMs } = await startReplica(contestant, { url, name: 'replica', schedule: SCHEDULE });
      await child[Symbol.asyncDispose]();
      return readyMs;
    };
  }
  const samples = await inTurn(measures, { rounds: tiny ? 1 : 10, warmUp: tiny ? 0 : 1 });
  return Object.entries(samples).map(([contestant, milliseconds]) => {
    const { n, q1, q3 } = spread(milliseconds);
    return { contestant, n, 'median ms': median(milliseconds), 'q1 ms': q1, 'q3 ms': q3 };
  });
}

function addedReplicas(rows: readonly Row[]): readonly Row[] {
  return [...Map.groupBy(rows, ({ contestant }) => contestant)].map(([contestant, fleets]) => {
    const [one, most] = [fleets[0]!, fleets.at(-1)!];
    const added = Number(most['replicas']) - Number(one['replicas']);
    return {
      contestant: contestant!,
      'statements/s, each added': (Number(most['statements/s']) - Number(one['statements/s'])) / added,
    };
  });
}

function ratioAim(aim: string, rows: readonly Row[], column: string) {
  const of = (name: string) => Number(rows.find(({ contestant }) => contestant === name)![column]);
  const measured = of('sealog') / of('pg-boss, defaults');
  return { aim, measured, reached: measured <= 1 };
}
