import type { Plot, Row } from '../harness/benchmark.ts';

/** What each step adds, one on the other: in time on the left, in memory on the right. */
export function plotOf(rows: readonly Row[]): Plot {
  const steps = [...new Set(rows.map(({ step }) => step))];
  const bars = (field: string, title: string) => ({
    width: 320,
    height: 80,
    mark: 'bar',
    encoding: {
      y: { field: 'contestant', type: 'nominal', title: null, sort: null },
      // A step may give memory back.
      x: { field, type: 'quantitative', title, stack: 'zero' },
      color: { field: 'step', type: 'nominal', title: null, sort: steps, scale: { scheme: 'tableau20' } },
      order: { field: 'place' },
    },
  });
  return {
    title: 'Where start-up and memory go',
    data: { values: rows.map((row) => ({ ...row, place: steps.indexOf(row['step']) })) },
    hconcat: [bars('added ms', 'milliseconds until ready'), bars('added MiB', 'resident MiB when ready')],
  };
}
