/**
 * Reads every completed entry of a log, as a process of its own so that its memory can be told. Prints one line of JSON.
 * Run: node bench/reading/export.ts <contestant> <database URL>
 */
import pg from 'pg';
import { createAuditLog } from '../../src/index.ts';

/** Answers how many entries it has read. */
type Export = (client: pg.Client, url: string) => Promise<number>;

const BATCH = 1000;

const EXPORTS: Readonly<Record<string, Export>> = {
  async 'bare cursor'(client) {
    await client.query('begin');
    await client.query(
      'declare export no scroll cursor for select * from sealog.audit_log_complete order by time_completed, id',
    );
    let entries = 0;
    for (;;) {
      const { rows } = await client.query(`fetch ${BATCH} from export`);
      if (rows.length === 0) break;
      entries += rows.length;
    }
    await client.query('commit');
    return entries;
  },
  async sealog(_client, url) {
    await using auditLog = createAuditLog({ connectionString: url, poolMax: 1 });
    let entries = 0;
    for await (const entry of auditLog.entries({ pageSize: BATCH })) entries += entry.id === '' ? 0 : 1;
    return entries;
  },
  copy: async (client) => await countCopied(client),
};

/** As few as `pg` makes of a COPY: its data are counted by lines and thrown away. */
async function countCopied(client: pg.Client): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let lines = 0;
  client.query({
    submit: (connection: { query(text: string): void }) =>
      connection.query('copy (select * from sealog.audit_log_complete order by time_completed, id) to stdout'),
    handleCopyData: () => lines++,
    handleCommandComplete() {},
    handleReadyForQuery: () => resolve(lines),
    handleError: reject,
  } as unknown as pg.Submittable);
  return await promise;
}

const [contestant = '', url = ''] = process.argv.slice(2);
const run = EXPORTS[contestant];
if (!run) throw new Error(`contestant: expected one of ${Object.keys(EXPORTS).join(', ')}, got ${contestant}`);
const client = new pg.Client({ connectionString: url });
await client.connect();
const before = process.memoryUsage.rss();
const started = performance.now();
const entries = await run(client, url);
const seconds = (performance.now() - started) / 1000;
const peakMiB = (process.resourceUsage().maxRSS * 1024 - before) / 2 ** 20;
await client.end();
console.log(JSON.stringify({ entries, seconds, peakMiB }));
