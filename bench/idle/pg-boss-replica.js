/**
 * A worker process of bare pg-boss: one queue, one schedule. Takes settings of pg-boss and of the queue as JSON, the
 * schedule, and a table in which each start is noted. With CATCH, whoever starts a job first keeps it for ever, and each
 * start is told; who is given SEND_AFTER_MS asks for the one job.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';

const [settings = '{}', schedule = '*/10 * * * *', table] = process.argv.slice(2);
const { boss: bossOptions = {}, queue = {} } = JSON.parse(settings);
const boss = new PgBoss({ connectionString: process.env['DATABASE_URL'], ...bossOptions });
boss.on('error', () => {});
await boss.start();
await boss.createQueue('job', { policy: 'stately', ...queue });
await boss.schedule('job', schedule);
await boss.work('job', { includeMetadata: true }, async ([job]) => {
  if (table) await boss.getDb().executeSql(`insert into ${table} values (clock_timestamp())`);
  if (process.env['CATCH']) {
    console.log(`started ${job.retryCount}`);
    if (job.retryCount === 0) await new Promise(() => {});
  }
});
console.log('ready');
const { SEND_AFTER_MS } = process.env;
if (SEND_AFTER_MS !== undefined) {
  await delay(Number(SEND_AFTER_MS));
  await boss.send('job');
}
