/**
 * A reader, as a process of its own: follows the log until SIGTERM, and then to its end. Prints what it has seen as
 * JSON, a line every few seconds, of which the last is the report.
 * Run: node bench/losses/read.ts <reader> <database URL>
 */
import { setTimeout as delay } from 'node:timers/promises';
import { READERS, type ReadReport } from './readers.ts';

/** How long it rests when it has read all there was: short, so that it is behind the writers' heels. */
const REST_MS = 50;
const TELL_MS = 2000;

const [name = '', url = ''] = process.argv.slice(2);
const open = READERS[name];
if (!open) throw new Error(`reader: expected one of ${Object.keys(READERS).join(', ')}, got ${name}`);
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

const reader = open(url);
const report: ReadReport = { seen: 0, pages: 0, caughtUp: 0, outOfOrder: 0, behindHorizon: 0 };
let told = 0;
for (let stopped = false; !stopped;) {
  // Once more after the end: then all that was written is behind the horizon.
  stopped = stopping.signal.aborted;
  for (let full = true; full;) {
    ({ full } = await reader.readPage(report));
    report.pages++;
    if (performance.now() - told > TELL_MS) {
      told = performance.now();
      console.log(JSON.stringify(report));
    }
  }
  report.caughtUp++;
  await delay(REST_MS);
}
await reader.end();
console.log(JSON.stringify(report));
