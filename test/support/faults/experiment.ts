import { parseArgs } from 'node:util';
import { type Random, chooseSeed, seededRandom } from '../stable-past/random.ts';
import { type History, withHistory } from './history.ts';

export interface Experiment {
  readonly random: Random;
  readonly seed: number;
  readonly history: History;
  /** `--minutes`, if given. */
  readonly minutes: number | undefined;
  /** `--rounds`, if given. */
  readonly rounds: number | undefined;
}

/**
 * A long run of its own, as a program: prints its figures in one JSON line and ends with 1 when it has failed. A figure
 * named `problems` that is not empty is a failure.
 */
export async function experiment(
  name: string,
  run: (
    experiment: Experiment,
  ) => Promise<{ readonly problems: readonly string[]; readonly [figure: string]: unknown }>,
): Promise<void> {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, minutes: { type: 'string' }, rounds: { type: 'string' } },
  });
  const seed = values.seed === undefined ? chooseSeed() : Number(values.seed);
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  process.stderr.write(`${name}: seed ${seed}\n`);
  const started = performance.now();
  try {
    await withHistory(name, seed, async (history) => {
      process.stderr.write(`${name}: history in ${history.file}\n`);
      const { minutes, rounds } = values;
      const options = { random: seededRandom(seed), seed, history, minutes: number(minutes), rounds: number(rounds) };
      const figures = await run(options);
      const seconds = Math.round((performance.now() - started) / 1000);
      history.record('figures', figures);
      process.stdout.write(`${JSON.stringify({ experiment: name, seed, seconds, ...figures })}\n`);
      if (figures.problems.length > 0) throw new Error(figures.problems.slice(0, 20).join('\n'));
    });
  } catch (error) {
    process.stderr.write(`${String(error)}\n${String((error as Error).cause)}\n${String((error as Error).stack)}\n`);
    process.exitCode = 1;
  }
}
