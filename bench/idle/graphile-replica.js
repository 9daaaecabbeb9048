/** A worker process of graphile-worker: one task, one crontab line. Its options as JSON, then the schedule. */
import { run } from 'graphile-worker';

const [options = '{}', schedule = '*/10 * * * *', table] = process.argv.slice(2);
const runner = await run({
  connectionString: process.env.DATABASE_URL,
  noHandleSignals: true,
  ...JSON.parse(options),
  crontab: `${schedule} job`,
  taskList: {
    async job(_payload, helpers) {
      if (table) await helpers.query(`insert into ${table} values (clock_timestamp())`);
    },
  },
});
console.log('ready');
await runner.promise;
