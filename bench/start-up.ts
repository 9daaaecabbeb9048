/**
 * Where the start-up time and the memory of `sealog worker` go, beside those of a bare pg-boss process: fresh processes
 * that import what each imports, step by step, and the real ones until they say that they are ready.
 */
import type { Aim, Benchmark, Row } from './harness/benchmark.ts';
import { inTurn, spread } from './harness/measure.ts';
import { buildSealog, contestants } from './idle/contestants.ts';
import { plotOf } from './start-up/plot.ts';
import { openStarts } from './start-up/ready.ts';
import {
  importInOrder,
  type Moment,
  ownModules,
  PG_BOSS_PACKAGES,
  SEALOG_PACKAGES,
  type Step,
  TRACING,
} from './start-up/steps.ts';

const SEALOG = 'sealog';
const BARE = 'pg-boss, defaults';

export const benchmark: Benchmark = {
  name: 'start-up',
  question: 'Where do start-up time and memory of a worker go, beside a bare pg-boss process?',
  async run({ tiny, server, progress }) {
    const executable = tiny ? 'src/bin.ts' : await buildSealog();
    const [rounds, warmUp] = tiny ? [1, 0] : [15, 1];
    const imports: Readonly<Record<string, readonly Step[]>> = {
      [SEALOG]: [...SEALOG_PACKAGES, ownModules(executable)],
      [BARE]: PG_BOSS_PACKAGES,
    };
    await using stack = new AsyncDisposableStack();
    const measured = new Map<string, (readonly Moment[])[]>();
    /** Keeps what a process told at each step; answers when it was at its last. */
    const measure = (name: string, run: () => Promise<readonly Moment[]>) => async (round: number) => {
      progress(`${name}, round ${Math.max(0, round) + 1} of ${rounds}`);
      const moments = await run();
      if (round >= 0) measured.set(name, [...(measured.get(name) ?? []), moments]);
      return moments.at(-1)!.ms;
    };
    const measures: Record<string, (round: number) => Promise<number>> = {};
    const statements: Row[] = [];
    for (const [name, steps] of Object.entries(imports)) {
      const contestant = contestants(executable).find((one) => one.name === name)!;
      const starts = stack.use(await openStarts(server, contestant));
      statements.push({ contestant: name, 'statements until ready': await starts.statements() });
      measures[name] = measure(name, async () => [...(await importInOrder(steps)), await starts.ready()]);
    }
    const alone = [...SEALOG_PACKAGES, TRACING];
    for (const step of alone) {
      const name = `${step.step}, alone`;
      measures[name] = measure(name, () => importInOrder([step]));
    }
    await inTurn(measures, { rounds, warmUp });
    const inOrder = Object.keys(imports).flatMap((name) => addedBy(name, measured.get(name)!));
    return {
      tables: [
        { title: 'Step by step, in one process, and when that of the whole program is ready', rows: inOrder },
        {
          title: 'Each by itself, beside Node alone',
          rows: alone.map(({ step }) => onlyAdded(addedBy(step, measured.get(`${step}, alone`)!))),
        },
        { title: 'What is asked of the server', rows: statements },
      ],
      aims: ['ms', 'MiB'].map((unit) => aimOf(inOrder, unit)),
      counts: [
        {
          what: 'processes that were measured to their end',
          expected: rounds * Object.keys(measures).length,
          counted: [...measured.values()].reduce((sum, all) => sum + all.length, 0),
        },
      ],
      plot: plotOf(inOrder),
      notes: [
        `Medians of ${rounds} fresh processes, on a database in which all is installed already. "added" is the difference to the step before.`,
        'Ready is of another process than the steps before it, and is counted from outside, from exec: it includes those.',
      ],
    };
  },
};

/** What each step adds to the one before, by the medians of several processes. */
function addedBy(contestant: string, processes: readonly (readonly Moment[])[]): readonly Row[] {
  const steps = processes[0]!.map(({ step }) => step);
  const of = (field: 'ms' | 'residentMiB') =>
    steps.map((_, index) => spread(processes.map((one) => one[index]![field])));
  const [ms, mib] = [of('ms'), of('residentMiB')];
  return steps.map((step, index) => ({
    contestant,
    step,
    'added ms': ms[index]!.median - (ms[index - 1]?.median ?? 0),
    ms: ms[index]!.median,
    'q1 ms': ms[index]!.q1,
    'q3 ms': ms[index]!.q3,
    'added MiB': mib[index]!.median - (mib[index - 1]?.median ?? 0),
    MiB: mib[index]!.median,
    'q1 MiB': mib[index]!.q1,
    'q3 MiB': mib[index]!.q3,
  }));
}

function onlyAdded(rows: readonly Row[]): Row {
  const { step, 'added ms': ms, 'added MiB': mib } = rows.at(-1)!;
  return { step: step!, 'added ms': ms!, 'added MiB': mib! };
}

function aimOf(rows: readonly Row[], unit: string): Aim {
  const of = (name: string) => Number(rows.findLast(({ contestant }) => contestant === name)![unit]);
  const measured = of(SEALOG) / of(BARE);
  return { aim: `${unit} when ready at most that of pg-boss`, measured, reached: measured <= 1 };
}
