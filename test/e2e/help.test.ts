import { expect, test } from '@jest/globals';
import { createProgram } from '../../src/cli/program.ts';
import { run } from '../../src/cli/run.ts';
import { checkGolden } from '../support/golden.ts';
import { recordedStreams } from '../support/streams.ts';

const commands = createProgram().commands.map((command) => command.name());

test.each([[], ...commands.map((command) => [command])])('help %s', async (...command) => {
  const streams = recordedStreams();
  expect(await run([...command, '--help'], streams)).toBe(0);
  expect(streams.stderr.text).toBe('');
  expect(streams.stdout.text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  await checkGolden(['help', ...command].join('-'), streams.stdout.text);
});
