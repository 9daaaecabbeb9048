/** A process that uses the embedded PostgreSQL (options as JSON in its argument) until SIGTERM, and leaves properly. */
import { type EmbeddedPostgresOptions, joinEmbeddedPostgres } from '../../src/postgres/join.ts';

const options: EmbeddedPostgresOptions = JSON.parse(process.argv[2] ?? '');
const database = await joinEmbeddedPostgres(options);
process.stdout.write(`${JSON.stringify({ event: 'joined', url: database.url })}\n`);
// Membership alone does not keep a process alive.
const work = setInterval(() => {}, 60_000);
process.once('SIGTERM', () => {
  clearInterval(work);
  void database[Symbol.asyncDispose]();
});
