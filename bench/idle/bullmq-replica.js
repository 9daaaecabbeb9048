/**
 * A worker process of BullMQ on PostgreSQL: one queue, one schedule. Takes options of its worker as JSON; the rest as
 * `pg-boss-replica.js`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import pg from 'pg';

const [options = '{}', schedule = '*/10 * * * *', table] = process.argv.slice(2);
const { DATABASE_URL: connectionString, CATCH, SEND_AFTER_MS } = process.env;
const connection = { connectionString, migrate: true };
const pool = new pg.Pool({ connectionString });
const queue = new Queue('job', { connection }, createPostgresBackend);
await queue.upsertJobScheduler('job', { pattern: schedule, tz: 'UTC' });
const worker = new Worker(
  'job',
  async ({ attemptsStarted }) => {
    if (table) await pool.query(`insert into ${table} values (clock_timestamp())`);
    if (CATCH) {
      console.log(`started ${attemptsStarted - 1}`);
      if (attemptsStarted === 1) await new Promise(() => {});
    }
  },
  { connection, ...JSON.parse(options) },
  createPostgresBackend,
);
worker.on('error', () => {});
await worker.waitUntilReady();
console.log('ready');
if (SEND_AFTER_MS !== undefined) {
  await delay(Number(SEND_AFTER_MS));
  await queue.add('job', {});
}
