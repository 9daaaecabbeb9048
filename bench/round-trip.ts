/**
 * The yardstick of the harness itself: two ways to ask the server for nothing. A figure of another benchmark that lies
 * near this one measures the connection and not what was sent over it.
 */
import type { Benchmark } from './harness/benchmark.ts';
import { inTurn, ratios, spread, timed } from './harness/measure.ts';

export const benchmark: Benchmark = {
  name: 'round-trip',
  question: 'What do a round trip and a durable commit cost here?',
  async run({ tiny, server, progress }) {
    await using database = await server.createDatabase({ empty: true });
    await database.pool.query('create table one (n integer); insert into one values (0)');
    const client = await database.pool.connect();
    const rounds = tiny ? 20 : 2000;
    progress(`${rounds} rounds`);
    let increments = 0;
    const samples = await inTurn(
      {
        'round trip': () => timed(() => client.query('select')),
        'durable commit': () =>
          timed(async () => (increments += (await client.query('update one set n = n + 1')).rowCount!)),
      },
      { rounds },
    );
    const { rows } = await client.query<{ n: number }>('select n from one');
    client.release();
    const figures = Object.entries(samples).map(([what, milliseconds]) => {
      const { n, median, q1, q3, p99 } = spread(milliseconds);
      return { what, n, 'median ms': median, 'q1 ms': q1, 'q3 ms': q3, 'p99 ms': p99 };
    });
    const costs = spread(ratios(samples['durable commit'], samples['round trip']));
    return {
      tables: [{ title: 'Cost', rows: figures }],
      aims: [],
      counts: [{ what: 'commits kept', expected: increments, counted: rows[0]!.n }],
      plot: {
        title: 'Round trip and durable commit',
        data: { values: Object.entries(samples).flatMap(([what, all]) => all.map((ms) => ({ what, ms }))) },
        mark: 'boxplot',
        encoding: {
          y: { field: 'what', type: 'nominal', title: null },
          x: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'milliseconds' },
        },
      },
      notes: [
        `A durable commit costs ${costs.median.toFixed(1)} round trips (${costs.q1.toFixed(1)}–${costs.q3.toFixed(1)}).`,
      ],
    };
  },
};
