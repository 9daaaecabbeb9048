import { expect, test } from '@jest/globals';
import { TIMINGS } from '../../src/worker/timings.ts';

const seconds = (text: string): number => Number(/^(\d+)s$/.exec(text)![1]);
const { queue, boss, transaction } = TIMINGS;

test('another replica takes over a lost activation within 30 s', () => {
  // Its heartbeat runs out, a poll finds that, and the first retry, which pg-boss delays by up to twice, waits for the next.
  const heartbeatMs = queue.heartbeatSeconds * 1000;
  const retryMs = 2 * queue.retryDelay * 1000;
  expect(heartbeatMs + TIMINGS.pollMs + retryMs + TIMINGS.pollMs).toBeLessThanOrEqual(30_000);
  expect(boss.monitorIntervalSeconds * 1000).toBeLessThan(TIMINGS.pollMs);
});

test('whoever takes over finds the rows unlocked', () => {
  expect(seconds(transaction.idle_in_transaction_session_timeout)).toBeLessThanOrEqual(queue.heartbeatSeconds / 2);
});

test('an activation starts within 20 s of its slot', () => {
  const passMs = boss.cronMonitorIntervalSeconds * 1000;
  expect(passMs + TIMINGS.pollMs + TIMINGS.pollSoonMs).toBeLessThanOrEqual(20_000);
  // Else the slot would be asked for twice.
  expect(TIMINGS.slotPatienceMs).toBeGreaterThan(2 * passMs + 2 * TIMINGS.pollMs);
});

test('nothing ends before what it waits for', () => {
  expect(seconds(transaction.transaction_timeout)).toBe(queue.expireInSeconds);
  expect(seconds(transaction.statement_timeout) * 1000).toBeLessThan(TIMINGS.queryMs);
  expect(TIMINGS.uncertainMs).toBeLessThan(queue.expireInSeconds * 1000);
  expect(TIMINGS.pollOverdueMs).toBeGreaterThan(queue.expireInSeconds * 1000);
  expect(TIMINGS.pollOverdueMs).toBeGreaterThan(TIMINGS.queryMs);
  expect(TIMINGS.goneSeconds * 1000).toBeGreaterThan(2 * TIMINGS.checkInMs);
  expect(TIMINGS.failedSlotPatienceMs).toBeGreaterThan(TIMINGS.slotPatienceMs);
});
