import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { type NodeProcess, spawnNode } from '../processes.ts';
import {
  killConnections,
  pauseProcess,
  sealAndStay,
  setClock,
  stepClock,
  type Tally,
  timeOut,
} from './disturbances.ts';
import { seededRandom } from './random.ts';
import { WRITER_NAME, type WriterOptions, type WriterReport } from './writer-protocol.ts';

export interface LoadOptions {
  readonly url: string;
  /** Of the one who disturbs: five connections. */
  readonly pool: pg.Pool;
  readonly seed: number;
  /** Each with four connections. */
  readonly processes: number;
  /** Late commits, rollbacks, killed connections, a paused process, a clock that jumps. Without it, only writers. */
  readonly rough: boolean;
  readonly restMs: number;
}

/** How an entry came to be completed, as the one who completed it told after the commit. */
export interface Commit {
  readonly how: string;
  readonly at: string;
}

export interface LoadReport {
  /** Every entry whose completion is known to be committed. */
  readonly committed: ReadonlyMap<string, Commit>;
  readonly tally: Readonly<Tally>;
  /** What must not have happened. */
  readonly unexpected: readonly string[];
}

export interface Load extends AsyncDisposable {
  readonly tally: Readonly<Tally>;
  /** How many commits the writers have told so far, each of one entry at least. */
  commits(): number;
  /** Lets the writers end what they are doing; afterwards nothing is written and the clock is far ahead. */
  stop(): Promise<LoadReport>;
}

/** Starts to write, in processes of its own, all of which have written something when this returns. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { url, pool, seed, rough, restMs } = options;
  const program = fileURLToPath(new URL('./writer.ts', import.meta.url));
  const nameOf = (index: number): string => `${WRITER_NAME}-${index}`;
  const writers = await Promise.all(
    Array.from({ length: options.processes }, async (_, index) => {
      const writer: WriterOptions = {
        url,
        name: nameOf(index),
        seed: seed + index,
        connections: 4,
        late: rough,
        restMs,
      };
      return await spawnNode(['--disable-warning=ExperimentalWarning', program, JSON.stringify(writer)]);
    }),
  );

  await Promise.all(writers.map((writer) => writer.waitForEvent('committed')));

  const committed = new Map<string, Commit>();
  const tally: Tally = { clockSteps: 0, killed: 0, paused: 0 };
  const ending = new AbortController();
  const scene = (salt: number) => ({ pool, random: seededRandom(seed ^ salt), signal: ending.signal, tally });
  const timeout = timeOut(scene(1), (ids) => {
    for (const id of ids) committed.set(id, { how: 'timeout', at: new Date().toISOString() });
  });
  const disturbances = rough
    ? [
        stepClock(scene(2)),
        killConnections(scene(3)),
        pauseProcess(scene(4), writers[0]!, nameOf(0)),
        sealAndStay(scene(5)),
      ]
    : [];
  // Awaited in `stop`; until then a failure must not end this process.
  const disturbed = Promise.all([...disturbances, timeout]);
  disturbed.catch(() => {});

  return {
    tally,
    commits: () => commitsIn(writers),
    async stop() {
      ending.abort();
      await disturbed;
      for (const writer of writers) writer.kill('SIGTERM');
      await Promise.all(writers.map(({ exited }) => exited));
      // So that nothing that was stamped while the clock was ahead is left beyond the horizon.
      await setClock(pool, 60_000);
      const reports = writers.flatMap(reportsOf);
      for (const report of reports) {
        if (report.event !== 'committed') continue;
        for (const id of report.ids) committed.set(id, { how: report.how, at: report.at });
      }
      return { committed, tally, unexpected: await unexpectedIn(writers, reports) };
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
    },
  };
}

function commitsIn(writers: readonly NodeProcess[]): number {
  return writers.reduce((sum, writer) => sum + writer.lines().filter(isCommit).length, 0);
}

function isCommit(line: string): boolean {
  return line.startsWith('{"event":"committed"');
}

function reportsOf(writer: NodeProcess): WriterReport[] {
  const lines = writer.stdout.split('\n').filter((line) => line !== '');
  return lines.map((line): WriterReport => JSON.parse(line));
}

async function unexpectedIn(writers: readonly NodeProcess[], reports: readonly WriterReport[]): Promise<string[]> {
  const told = reports.flatMap((report) => (report.event === 'unexpected' ? [report.reason] : []));
  const ended = await Promise.all(
    writers.map(async ({ exited, stderr }) => {
      const exit = await exited;
      return exit.code === 0 ? [] : [`a writer ended with ${JSON.stringify(exit)}: ${stderr}`];
    }),
  );
  return [...told, ...ended.flat()];
}
