/**
 * Where the time of an entry goes that is begun and completed: processor time of the server and of the client, with
 * one part of sealog after the other on top of a bare insert and update. Needs Linux, which tells it of each process.
 */
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import type { Benchmark, Plot, Row } from './harness/benchmark.ts';
import { inTurn, median } from './harness/measure.ts';
import { makeTableLikeTheLog, openBenchPool, pairByHand, pairBySealog, type Write } from './writing/contestants.ts';

/** The triggers of the audit log, each alone on a table as it is. */
const TRIGGERS = {
  'insert trigger': { table: 'with_insert', trigger: 'audit_log_begin', stamps: true },
  'the right to an outcome': { table: 'with_right', trigger: 'audit_log_authorize', stamps: true },
  'completion trigger': { table: 'with_completion', trigger: 'audit_log_complete', stamps: false },
} as const;

export const benchmark: Benchmark = {
  name: 'write-costs',
  question: 'Where does the time of an entry go that is begun and completed?',
  async run({ tiny, server, progress }) {
    await using database = await server.createDatabase();
    const pool = openBenchPool(database.url, { connections: 1, durable: false });
    try {
      await makeTableLikeTheLog(database.pool, 'bare');
      const contestants: Record<string, Write> = { 'bare pair': pairByHand(pool, { table: 'bare', stamps: true }) };
      for (const [name, { table, trigger, stamps }] of Object.entries(TRIGGERS)) {
        await makeTableLikeTheLog(database.pool, table);
        await copyTrigger(database.pool, trigger, table);
        contestants[name] = pairByHand(pool, { table, stamps });
      }
      contestants['all rules, by hand'] = pairByHand(pool, { table: 'sealog.audit_log', stamps: false });
      contestants['sealog'] = pairBySealog(pool);
      contestants['bare pair, prepared'] = pairByHand(pool, { table: 'bare', stamps: true, named: true });
      contestants['sealog, prepared'] = pairBySealog(pool, { prepared: true });

      const { rows: backend } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
      const [rounds, entries] = tiny ? [1, 20] : [25, 400];
      const client: Record<string, number[]> = {};
      const measured = Object.entries(contestants).map(([name, write]) => {
        const measure = async (round: number): Promise<number> => {
          if (round === 0) progress(name);
          const serverBefore = processorMicroseconds(backend[0]!.pid);
          const clientBefore = process.cpuUsage();
          for (let entry = 0; entry < entries; entry++) await write();
          const { user, system } = process.cpuUsage(clientBefore);
          if (round >= 0) (client[name] ??= []).push((user + system) / entries);
          return (processorMicroseconds(backend[0]!.pid) - serverBefore) / entries;
        };
        return [name, measure] as const;
      });
      const samples = await inTurn(Object.fromEntries(measured), { rounds });
      const rows = Object.entries(samples).map(([contestant, microseconds]) => ({
        contestant,
        'server, least µs': Math.round(Math.min(...microseconds)),
        'server, median µs': Math.round(median(microseconds)),
        'client, least µs': Math.round(Math.min(...client[contestant]!)),
        'client, median µs': Math.round(median(client[contestant]!)),
      }));
      return {
        tables: [{ title: 'Processor time of an entry', rows }],
        aims: [],
        counts: [{ what: 'entries left incomplete', expected: 0, counted: await incomplete(database.pool) }],
        plot: plotOf(rows),
        notes: [
          `${rounds} rounds of ${entries} entries each, one connection, commits off: nothing waits for the disk.`,
        ],
      };
    } finally {
      await pool.end();
    }
  },
};

/** As it is on the audit log. */
async function copyTrigger(pool: pg.Pool, trigger: string, table: string): Promise<void> {
  const { rows } = await pool.query<{ definition: string }>(
    `select pg_get_triggerdef(oid) as definition from pg_trigger
      where tgname = $1 and tgrelid = 'sealog.audit_log'::regclass`,
    [trigger],
  );
  await pool.query(rows[0]!.definition.replace(' ON sealog.audit_log ', ` ON ${table} `));
}

function processorMicroseconds(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;
}

async function incomplete(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query('select from sealog.audit_log where time_completed is null');
  return rows.length;
}

function plotOf(rows: readonly Row[]): Plot {
  return {
    title: 'Processor time of an entry',
    data: { values: rows },
    transform: [{ fold: ['server, least µs', 'client, least µs'], as: ['process', 'microseconds'] }],
    width: 420,
    mark: 'bar',
    encoding: {
      y: { field: 'contestant', type: 'nominal', sort: null, title: null, axis: { labelLimit: 0 } },
      x: { field: 'microseconds', type: 'quantitative' },
      color: { field: 'process', type: 'nominal', title: null },
    },
  };
}
