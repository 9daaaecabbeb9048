import { expect, test } from '@jest/globals';
import Timekeeper from 'pg-boss/dist/timekeeper.js';
import { nextSlots, periodSeconds, previousSlot, unreadable } from '../../src/worker/slots.ts';

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

const nextIn = (timezone: string, cron: string, from: string, count = 1) =>
  nextSlots({ cron, timezone }, new Date(from), count)?.map((slot) => slot.toISOString());

test('the day without 2:30 has no slot of 2:30, and the period is two days long', () => {
  const berlin = { cron: '30 2 * * *', timezone: 'Europe/Berlin' };
  expect(nextIn('Europe/Berlin', '30 2 * * *', '2027-03-27T12:00:00Z', 2)).toEqual([
    '2027-03-29T00:30:00.000Z',
    '2027-03-30T00:30:00.000Z',
  ]);
  expect(previousSlot(berlin, new Date('2027-03-28T12:00:00Z'))).toEqual(new Date('2027-03-27T01:30:00Z'));
  // From 2:30 in winter time to 2:30 in summer time, two days later.
  expect(periodSeconds(berlin, new Date('2027-03-28T12:00:00Z'))).toBe(47 * 3600);
});

test('the day with two 2:30 has two slots', () => {
  const both = ['2027-10-31T00:30:00.000Z', '2027-10-31T01:30:00.000Z', '2027-11-01T01:30:00.000Z'];
  expect(nextIn('Europe/Berlin', '30 2 * * *', '2027-10-30T12:00:00Z', 3)).toEqual(both);
  expect(nextIn('Europe/Berlin', '30 2 * * *', '2027-10-31T00:45:00Z')).toEqual([both[1]]);
});

/** What pg-boss's own pass finds due: it is no part of its API. */
interface Passes {
  dueOccurrences(cron: string, kind: 'cron', timezone: string, now: number): { readonly occurrences: Date[] };
}

/** What pg-boss sends within three hours, with a pass in each minute. */
function sentByPgBoss(cron: string, timezone: string, from: Date): string[] {
  const passes = new Timekeeper(null as never, null as never, null) as unknown as Passes;
  const sent = new Set<string>();
  for (let now = from.getTime(); now < from.getTime() + HOURS; now += 60_000) {
    const { occurrences } = passes.dueOccurrences(cron, 'cron', timezone, now);
    for (const slot of occurrences) if (slot > from) sent.add(slot.toISOString());
  }
  return [...sent];
}

const HOURS = 3 * 3_600_000;

test.each([
  ['forward', '2027-03-28T00:00:05Z'],
  ['back', '2027-10-31T00:00:05Z'],
])('on the day the clock is put %s in Berlin, the next slots are those that pg-boss sends', (_, start) => {
  const timezone = 'Europe/Berlin';
  const from = new Date(start);
  const to = from.getTime() + HOURS - 60_000;
  for (const cron of ['30 2 * * *', '0 2 * * *', '0 3 * * *', '*/20 * * * *', '30 1,2 * * *']) {
    const announced: string[] = [];
    // Asked behind each slot, as `status` is.
    for (let slot = nextSlots({ cron, timezone }, from, 1)?.[0]; slot && slot.getTime() < to;) {
      announced.push(slot.toISOString());
      slot = nextSlots({ cron, timezone }, slot, 1)?.[0];
    }
    expect({ cron, slots: announced }).toEqual({
      cron,
      slots: sentByPgBoss(cron, timezone, from).filter((slot) => Date.parse(slot) < to),
    });
  }
});

test.each([
  ['FREQ=DAILY;BYHOUR=9', 'UTC', /alias/],
  ['every day', 'UTC', /alias/],
  [' ', 'UTC', /empty/],
  ['* * * * *', 'Mars/Olympus', /time zone "Mars.Olympus" is unknown/],
  ['* * * * *', '', /no time zone/],
])('a schedule that cannot be read has no slots and no period, and why: %p in %p', (cron, timezone, why) => {
  const schedule = { cron, timezone };
  const now = new Date('2027-03-28T12:00:00Z');
  expect(unreadable(schedule)).toMatch(why);
  expect(nextSlots(schedule, now, 3)).toBeUndefined();
  expect(previousSlot(schedule, now)).toBeUndefined();
  expect(periodSeconds(schedule, now)).toBeUndefined();
});
