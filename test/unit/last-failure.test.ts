import { expect, test } from '@jest/globals';
import { lastFailure } from '../../src/cli/status/last-failure.ts';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 2, 1) + seconds * 1000);
const activation = (id: string, state: string, started: number | null, ended: number | null, error: string | null) => ({
  id,
  state,
  error,
  startedOn: started === null ? null : at(started),
  completedOn: ended === null ? null : at(ended),
});

// As they are told: the one that was asked for last comes first.
test.each([
  ['none', [], undefined],
  ['one completed', [activation('a', 'completed', 1, 2, null)], undefined],
  ['one failed', [activation('a', 'failed', 1, 2, 'no')], 'a'],
  ['one was cancelled', [activation('a', 'cancelled', null, 2, null)], 'a'],
  ['one waits behind its first attempt', [activation('a', 'retry', 5, null, 'no')], 'a'],
  ['one runs again', [activation('a', 'active', 9, null, 'no')], 'a'],
  ['one waits', [activation('b', 'created', null, null, null), activation('a', 'completed', 1, 2, null)], undefined],
  ['a later one failed', [activation('b', 'failed', 3, 4, 'no'), activation('a', 'completed', 1, 2, null)], 'b'],
  [
    'a later one completed',
    [activation('b', 'completed', 3, 4, null), activation('a', 'failed', 1, 2, 'no')],
    undefined,
  ],
  [
    'the one that was asked for before it completed after it had failed',
    [activation('b', 'failed', 3, 4, 'no'), activation('a', 'completed', 8, 9, null)],
    undefined,
  ],
  [
    'another one completed while it waits for its next attempt',
    [activation('b', 'completed', 6, 7, null), activation('a', 'retry', 5, null, 'no')],
    undefined,
  ],
])('the last failure when %s', (_, activations, expected) => {
  expect(lastFailure(activations)?.id).toBe(expected);
});
