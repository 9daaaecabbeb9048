/** Readers, as a process of its own: each follows the completed past, page by page, up to the horizon of its protocol. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { ReaderOptions, ReaderReport } from './roles.ts';

const { url, protocol, connections, restMs }: ReaderOptions = JSON.parse(process.argv[2] ?? '');
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

const NO_ID = '00000000-0000-0000-0000-000000000000';
const lags: number[] = [];
process.once('SIGUSR2', () => (lags.length = 0));

async function read(client: pg.Client) {
  let [position, id, seen] = [protocol.start, NO_ID, 0];
  for (let stopped = false; !stopped;) {
    // Once more after the end: then all that was written is behind the horizon.
    stopped = stopping.signal.aborted;
    const { rows } = await client.query<{ horizon: string }>({ name: 'horizon', text: protocol.horizon });
    for (let full = true; full;) {
      const values = [position, id, rows[0]!.horizon];
      const page = await client.query<{ id: string; position: string; lag: number }>({
        name: 'page',
        text: protocol.page,
        values,
      });
      for (const { lag } of page.rows) lags.push(lag);
      ({ position, id } = page.rows.at(-1) ?? { position, id });
      seen += page.rows.length;
      full = page.rows.length === 1000;
    }
    await delay(restMs);
  }
  await client.end();
  return { position, id, seen };
}

// The table was empty when its statements were planned, and grows fast.
const options = '-c enable_seqscan=off -c enable_bitmapscan=off';
const clients = Array.from({ length: connections }, () => new pg.Client({ connectionString: url, options }));
await Promise.all(clients.map((client) => client.connect()));
console.log('ready');
const readers = await Promise.all(clients.map(read));
const report: ReaderReport = { readers, lags: connections === 1 ? lags : [] };
console.log(JSON.stringify(report));
