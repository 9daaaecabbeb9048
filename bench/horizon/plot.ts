import type { Plot, Row } from '../harness/benchmark.ts';

/** Protocols stand side by side, because many of them are as far behind as another one. */
export function plotOf(rows: readonly Row[]): Plot {
  const lag = (field: string) => ({ field, type: 'quantitative', scale: { type: 'log', nice: false } });
  return {
    title: 'How far behind the present the past is read',
    width: 640,
    height: 320,
    data: { values: rows.filter((row) => row['lag ms'] !== null) },
    encoding: {
      x: { field: 'writers', type: 'ordinal', axis: { labelAngle: 0 } },
      xOffset: { field: 'protocol', sort: null },
      color: { field: 'protocol', type: 'nominal', title: null, sort: null },
    },
    layer: [
      {
        mark: 'rule',
        encoding: {
          y: { ...lag('lag ms'), title: 'ms: median, quartiles, 99th of 100' },
          y2: { field: 'p99 ms' },
        },
      },
      { mark: { type: 'rule', strokeWidth: 5 }, encoding: { y: lag('q1 ms'), y2: { field: 'q3 ms' } } },
      { mark: { type: 'point', fill: 'white', size: 30, opacity: 1 }, encoding: { y: lag('lag ms') } },
    ],
  };
}
