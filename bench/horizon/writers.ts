/** Writers, as a process of its own: begin and complete entries over some connections, as fast as they can. */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { lateness } from './lateness.ts';
import type { WriterOptions, WriterReport } from './roles.ts';

const { url, protocol, connections, late }: WriterOptions = JSON.parse(process.argv[2] ?? '');
const stopping = new AbortController();
let committed = 0;
const marks: { readonly at: number; readonly committed: number }[] = [];
const mark = () => void marks.push({ at: performance.now(), committed });
process.once('SIGUSR2', mark);
process.once('SIGTERM', () => {
  mark();
  stopping.abort();
});

const begin = {
  name: 'begin',
  text: `insert into ${protocol.schema}.audit_log (operation_id, actor_kind, actor_id, request_id)
         values ('disk_create', 'user', 'user-1', '6d1f5a0e') returning id`,
};

async function write(client: pg.Client): Promise<void> {
  while (!stopping.signal.aborted) {
    const { rows } = await client.query<{ id: string }>(begin);
    const lateMs = late ? lateness() : 0;
    if (lateMs > 0) await client.query('begin');
    await client.query({ name: 'complete', text: protocol.complete, values: [rows[0]!.id] });
    if (lateMs > 0) {
      await delay(lateMs);
      await client.query('commit');
    }
    committed++;
  }
  await client.end();
}

// The table was empty when its statements were planned, and grows fast.
const options = '-c enable_seqscan=off -c enable_bitmapscan=off';
const clients = Array.from({ length: connections }, () => new pg.Client({ connectionString: url, options }));
await Promise.all(clients.map((client) => client.connect()));
console.log('ready');
await Promise.all(clients.map(write));
const [warm, end] = marks;
const report: WriterReport = {
  committed,
  rate: (end!.committed - warm!.committed) / ((end!.at - warm!.at) / 1000),
};
console.log(JSON.stringify(report));
