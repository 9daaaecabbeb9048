import { expect, test } from '@jest/globals';
import { openMetrics } from '../../src/http/open-metrics.ts';

test('a counter loses its suffix in the head of its family only, and quotes in help are escaped', () => {
  const text = [
    '# HELP things_total Things that are "done".',
    '# UNIT things_total {thing}',
    '# TYPE things_total counter',
    'things_total{kind="a"} 1',
    '# HELP sum_total A gauge.',
    '# TYPE sum_total gauge',
    'sum_total 2',
    '',
  ];
  expect(openMetrics(text.join('\n'))).toBe(
    [
      String.raw`# HELP things Things that are \"done\".`,
      '# TYPE things counter',
      'things_total{kind="a"} 1',
      '# HELP sum_total A gauge.',
      '# TYPE sum_total gauge',
      'sum_total 2',
      '# EOF',
      '',
    ].join('\n'),
  );
});

test('nothing measured is an empty exposition', () => {
  expect(openMetrics('# no registered metrics')).toBe('# EOF\n');
});
