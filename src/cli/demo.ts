import { print } from './command.ts';
import { activateAgain } from './demo/activate-again.ts';
import { crashService } from './demo/crash-service.ts';
import { DemoError } from './demo/demo-error.ts';
import { createNarrator, type Narrator, style } from './demo/narrator.ts';
import { serviceArguments } from './demo/programs.ts';
import { runWorkers } from './demo/run-workers.ts';
import { openStage } from './demo/stage.ts';
import { shutdownSignal } from './signals.ts';
import { indent } from './table.ts';

// It takes a quarter of a minute. Whatever hangs, it ends.
const LIMIT_MS = 120_000;

/**
 * `sealog demo`: kills a service in the middle of its work and shows how three workers close what it left open.
 *
 * Processes, database and rows are real, and everything that is told is checked before the next thing is. They have a
 * PostgreSQL of their own, never the one of DATABASE_URL or `.sealog/`, and are gone when this returns or throws.
 */
export async function demoCommand(): Promise<void> {
  serviceArguments();
  const signal = AbortSignal.any([shutdownSignal(), AbortSignal.timeout(LIMIT_MS)]);
  const narrator = createNarrator();
  const started = performance.now();
  print(style('bold', 'What becomes of an audit log when the service that writes it is killed?'));
  try {
    await play(signal, narrator);
  } catch (error) {
    if (!signal.aborted) throw error;
    const why = typeof signal.reason === 'string' ? signal.reason : `its limit of ${LIMIT_MS / 1000} s`;
    throw new DemoError(`the demo was ended by ${why}; everything that it had started is stopped`, { cause: error });
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  narrator.say(`Everything above was checked as it was told, in ${seconds} s. Workers, database and folder are gone.`);
  print(nextSteps());
}

async function play(signal: AbortSignal, narrator: Narrator): Promise<void> {
  narrator.step('A database');
  narrator.say('PostgreSQL in a temporary folder. The databases of .sealog/ and DATABASE_URL are not touched.');
  await using stage = await openStage(signal);
  const wreckage = await crashService(stage, narrator);
  const result = await runWorkers(stage, narrator, wreckage);
  await activateAgain(stage, narrator, result);
}

function nextSteps(): string {
  const commands = [
    ['npm start', 'one worker on a database that stays, in .sealog/, until Ctrl-C'],
    ['npm run -s sealog -- status', 'in another terminal: what is incomplete, who ran what'],
    ['npm run -s sealog -- activate', 'one activation now, and what came of it'],
    ['examples/service/README.md', 'the service of this demo, by hand'],
    ['README.md, docs/', 'how to use it, and what it promises'],
  ];
  const width = Math.max(...commands.map(([command = '']) => command.length)) + 2;
  const lines = commands.map(([command = '', text = '']) => `${style('cyan', command.padEnd(width))}${text}`);
  return `\n${style('bold', 'Next')}\n${indent(lines.join('\n'))}`;
}
