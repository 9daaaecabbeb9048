/** Writers, as a process of its own: begin and complete entries over some connections, as fast as they can. */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { WriterOptions, WriterReport } from './roles.ts';

const { url, protocol, connections, late }: WriterOptions = JSON.parse(process.argv[2] ?? '');
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

const begin = {
  name: 'begin',
  text: `insert into ${protocol.schema}.audit_log (operation_id, actor_kind, actor_id, request_id)
         values ('disk_create', 'user', 'user-1', '6d1f5a0e') returning id`,
};
let committed = 0;

async function write(client: pg.Client): Promise<void> {
  for (let turn = 1; !stopping.signal.aborted; turn++) {
    const { rows } = await client.query<{ id: string }>(begin);
    const isLate = late && turn % 50 === 0;
    if (isLate) await client.query('begin');
    await client.query({ name: 'complete', text: protocol.complete, values: [rows[0]!.id] });
    if (isLate) {
      await delay(50 + Math.random() * 250);
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
const started = performance.now();
await Promise.all(clients.map(write));
const report: WriterReport = { committed, seconds: (performance.now() - started) / 1000 };
console.log(JSON.stringify(report));
