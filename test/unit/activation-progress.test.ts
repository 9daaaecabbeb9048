import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { activationProgress } from '../../src/cli/activation-progress.ts';
import type { RecordedActivation } from '../../src/worker/activation-history.ts';

const error = 'canceling statement due to lock timeout';

function told(terminal: { readonly isTTY: boolean; readonly columns?: number }): string {
  const stream = new PassThrough();
  const stderr = Object.assign(stream, terminal) as unknown as NodeJS.Process['stderr'];
  using progress = activationProgress('audit-timeout', { stderr });
  progress.show({ state: 'queued' });
  progress.show({ state: 'retrying', retries: 1, error });
  progress.done({ state: 'failed', error, outcome: null } as RecordedActivation);
  return String(stream.read());
}

test('a line that is written over takes one row of the terminal, and the last one all that it needs', () => {
  expect(told({ isTTY: true, columns: 30 }).split('\r\u001b[K')).toEqual([
    '',
    'audit-timeout: queued, waitin…',
    'audit-timeout: failed (cancel…',
    `audit-timeout: failed: ${error}\n`,
  ]);
});

test('elsewhere each line is whole', () => {
  expect(told({ isTTY: false }).split('\n')).toEqual([
    'audit-timeout: queued, waiting for a worker',
    `audit-timeout: failed (${error}), will be tried again: retry 1`,
    `audit-timeout: failed: ${error}`,
    '',
  ]);
});
