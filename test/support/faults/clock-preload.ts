/**
 * Gives the process another wall clock: `node --import <this file>` with `SEALOG_TEST_CLOCK` naming a file that holds
 * an offset in milliseconds. SIGUSR2 reads it again: the clock steps while the process runs.
 *
 * Simulated: `Date`, in every module, and `performance.timeOrigin`, which is the wall time of the start. As on a real
 * host, a step changes `Date` and leaves `performance` alone. Not simulated: the clock of the kernel (timestamps of
 * files, of other processes), timers (monotonic on a real host too), and Node's own C++ code.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const file = process.env['SEALOG_TEST_CLOCK'] ?? '';
const readOffset = (): number => Number(readFileSync(file, 'utf8'));
let offset = readOffset();

const TrueDate = Date;
const now = (): number => TrueDate.now() + offset;
globalThis.Date = new Proxy(TrueDate, {
  construct: (date, values, newTarget) => Reflect.construct(date, values.length === 0 ? [now()] : values, newTarget),
  apply: () => new TrueDate(now()).toString(),
  get: (date, name) => (name === 'now' ? now : Reflect.get(date, name)),
});
Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + offset });

process.on('SIGUSR2', () => {
  offset = readOffset();
  process.stdout.write(`${JSON.stringify({ event: 'test.clock-stepped', offset, now: new Date() })}\n`);
});
