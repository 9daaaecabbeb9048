import { expect, test } from '@jest/globals';
import { periodSeconds } from '../../src/worker/slots.ts';

const seconds = (cron: string, now: string, timezone = 'UTC') => periodSeconds({ cron, timezone }, new Date(now));

test('the period of an even schedule is the time between two slots, on a slot as well', () => {
  expect(seconds('*/10 * * * *', '2026-03-02T10:03:00Z')).toBe(600);
  expect(seconds('*/10 * * * *', '2026-03-02T10:10:00Z')).toBe(600);
  expect(seconds('* * * * *', '2026-03-02T10:10:30Z')).toBe(60);
});

test('a rest is a period, while it lasts and for the slots behind it', () => {
  const working = '0 9-17 * * 1-5';
  expect(seconds(working, '2026-03-04T15:30:00Z')).toBe(3600);
  // Friday 17:00 to Monday 9:00.
  expect(seconds(working, '2026-03-07T12:00:00Z')).toBe(64 * 3600);
  expect(seconds(working, '2026-03-09T09:30:00Z')).toBe(64 * 3600);
  expect(seconds(working, '2026-03-09T13:30:00Z')).toBe(3600);
});

test('slots are those of the time zone', () => {
  expect(seconds('0 3 * * *', '2026-03-29T12:00:00Z', 'Europe/Berlin')).toBe(86_400);
});
