/**
 * A process that uses the embedded PostgreSQL (options as JSON in its argument) until SIGTERM, and leaves properly.
 * With a second argument it joins only at that signal, so that many can do it at the same moment.
 */
import { once } from 'node:events';
import { type EmbeddedPostgresOptions, joinEmbeddedPostgres } from '../../src/postgres/join.ts';

const options: EmbeddedPostgresOptions = JSON.parse(process.argv[2] ?? '');
// Membership alone does not keep a process alive.
const work = setInterval(() => {}, 60_000);
const signal = process.argv[3];
if (signal !== undefined) {
  const given = once(process, signal);
  process.stdout.write(`${JSON.stringify({ event: 'waiting' })}\n`);
  await given;
}
const database = await joinEmbeddedPostgres(options);
process.stdout.write(`${JSON.stringify({ event: 'joined', url: database.url })}\n`);
process.once('SIGTERM', () => {
  clearInterval(work);
  void database[Symbol.asyncDispose]();
});
