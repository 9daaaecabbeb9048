import { test } from '@jest/globals';
import { benchmarks, checkTinyForm } from '../support/tiny-benchmark.ts';

// Also without the packages of bench/, as most machines are.
test.concurrent.each(benchmarks)(
  'the benchmark %s runs in its tiny form, and its counts are right',
  async (name) => void (await checkTinyForm(name)),
  // A few at once: a machine that is slow takes long for all of them.
  1_800_000,
);
