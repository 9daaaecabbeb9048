import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { spawnNode } from '../../test/support/processes.ts';
import type { Protocol } from './protocols.ts';
import type { ReaderOptions, ReaderReport, WriterOptions, WriterReport } from './roles.ts';

export interface PhaseOptions {
  readonly url: string;
  /** Of one who looks afterwards. */
  readonly pool: pg.Pool;
  /** How entries are completed, and how they are read unless `readBy` says otherwise. */
  readonly protocol: Protocol;
  readonly readBy?: Protocol;
  readonly writers: number;
  readonly readers: number;
  readonly restMs: number;
  readonly late: boolean;
  readonly seconds: number;
  /** How long both work before they are measured. */
  readonly warmUpSeconds: number;
}

export interface Phase {
  /** Entries completed, the warm-up included, and so is what was lost and seen. */
  readonly committed: number;
  /** Entries that writers completed in a second. */
  readonly rate: number;
  /** Entries at or before the last position of a reader that it was never shown, over all readers. */
  readonly lost: number;
  readonly seen: number;
  /** Of a single reader: how long before its reading each entry was stamped, in milliseconds. */
  readonly lags: readonly number[];
}

/** Writes and reads for some seconds, from an empty table. */
export async function runPhase(options: PhaseOptions): Promise<Phase> {
  const { url, pool, protocol, readBy = protocol, writers, readers, restMs, late } = options;
  await pool.query(
    `set session_replication_role = replica; truncate ${protocol.schema}.audit_log; reset session_replication_role`,
  );
  const reading: ReaderOptions = { url, protocol: readBy, connections: readers, restMs };
  const writing: WriterOptions = { url, protocol, connections: writers, late };
  await using readerProcess = await start('readers', reading);
  await using writerProcess = await start('writers', writing);
  await delay(options.warmUpSeconds * 1000);
  for (const warm of [readerProcess, writerProcess]) warm.kill('SIGUSR2');
  await delay(options.seconds * 1000);
  const { committed, rate } = await stop<WriterReport>(writerProcess);
  const read = await stop<ReaderReport>(readerProcess);
  let lost = 0;
  let seen = 0;
  for (const reader of read.readers) {
    const { rows } = await pool.query<{ entries: number }>(readBy.count, [reader.position, reader.id]);
    lost += rows[0]!.entries - reader.seen;
    seen += reader.seen;
  }
  return { committed, rate, lost, seen, lags: read.lags };
}

async function start(role: 'writers' | 'readers', options: object) {
  const process = await spawnNode([join(import.meta.dirname, `${role}.ts`), JSON.stringify(options)]);
  await process.waitForLine((line) => line === 'ready');
  return process;
}

async function stop<Report>(process: Awaited<ReturnType<typeof spawnNode>>): Promise<Report> {
  process.kill('SIGTERM');
  const exit = await process.exited;
  if (exit.code !== 0)
    throw new Error(`a process of the benchmark ended with ${JSON.stringify(exit)}: ${process.stderr}`);
  const report: Report = JSON.parse(process.stdout.trim().split('\n').at(-1)!);
  return report;
}
