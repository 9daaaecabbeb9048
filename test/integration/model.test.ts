/**
 * Commands in any order against a real database, and against a model of what the log promises. When a run fails,
 * fast-check prints the shortest sequence that does, its seed and its path: repeat it with SEALOG_TEST_SEED.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createDatabase } from '../support/database.ts';
import { commands } from '../support/stable-past/model-commands.ts';
import { Model, openReal } from '../support/stable-past/model.ts';

const seed = process.env['SEALOG_TEST_SEED'];

test('whatever is done in whatever order, a list is exactly what was committed up to its horizon', async () => {
  const runOne = async (sequence: Parameters<typeof fc.asyncModelRun>[1]): Promise<void> => {
    await using database = await createDatabase();
    await using real = await openReal(database.url);
    await fc.asyncModelRun(() => ({ model: new Model(), real }), sequence);
  };
  let running: Promise<void> = Promise.resolve();
  const property = fc.asyncProperty(fc.commands(commands, { maxCommands: 50, size: 'max' }), async (sequence) => {
    running = runOne(sequence);
    await running;
  });
  await expect(
    fc.assert(property, {
      numRuns: 25,
      interruptAfterTimeLimit: 30_000,
      includeErrorInReport: true,
      ...(seed && { seed: Number(seed) }),
    }),
  ).resolves.toBeUndefined();
  // One that the time limit has interrupted continues, and still uses its database.
  await running.catch(() => {});
});
