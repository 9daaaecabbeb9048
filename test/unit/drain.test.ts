import { expect, test } from '@jest/globals';
import { type Completed, drainOf } from '../../src/cli/status/drain.ts';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 2, 1) + seconds * 1000);

function full(startedAt: number, more: Partial<Completed> = {}): Completed {
  return { limit: 100, limitReached: true, trigger: 'schedule', durationMs: 500, startedOn: at(startedAt), ...more };
}

const replicas = [
  { name: 'a', host: 'h', pid: 1, startedOn: at(0), lastSeen: at(0), version: '12', activeJob: null },
] as const;
const idle = { readOn: at(1000), nextRun: at(1060), periodSeconds: 600, lastActivations: [], replicas };
const failing = {
  id: '',
  state: 'retry',
  retries: 1,
  createdOn: at(900),
  startedOn: at(900),
  completedOn: null,
  error: 'canceling statement',
  by: 'a',
  trigger: 'schedule',
  outcome: null,
};
const settings = { schedule: '', timezone: '', timeoutSeconds: 1, maxUpdatePerActivation: 1000, drainBacklog: true };

test.each([
  ['nothing is stale', 0, [], {}, { activations: 0, seconds: 0 }],
  ['one activation is enough: it comes at the next slot', 80, [], {}, { activations: 1, seconds: 60 }],
  ['the fleet has told its own limit', 250, [full(900)], {}, { activations: 3, seconds: 60 + 2 * 0.5 + 0.5 }],
  ['nothing was measured yet', 2500, [], {}, { activations: 3, seconds: null }],
  ['no replica is there', 80, [], { replicas: [] }, { activations: 1, seconds: null }],
  ['the last activation failed', 80, [], { lastActivations: [failing] }, { activations: 1, seconds: null }],
  ['no schedule is there', 80, [], { nextRun: null }, { activations: 1, seconds: null }],
  [
    'measured from start to start of activations that follow each other',
    250,
    [full(906, { trigger: 'backlog' }), full(903, { trigger: 'backlog' }), full(900)],
    {},
    { activations: 3, seconds: 60 + 2 * 3 + 3 },
  ],
])('how long it takes when %s', (_, stale, completed, queue, expected) => {
  expect(drainOf(stale, completed, { ...idle, ...queue }, settings)).toEqual(expected);
});

test('without drainBacklog there is one activation a period', () => {
  const drain = drainOf(250, [full(900)], idle, { ...settings, drainBacklog: false });
  expect(drain).toEqual({ activations: 3, seconds: 60 + 2 * 600 + 0.5 });
});
