/**
 * A process that writes to an audit log until SIGTERM, over a few connections at once. Run with {@link WriterOptions}
 * as JSON in its argument; tells {@link WriterReport}s.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { seededRandom } from './random.ts';
import type { WriterOptions, WriterReport } from './writer-protocol.ts';
import { completeByLibrary, completeInTransaction, completeOne, type Session } from './writer-steps.ts';

const { url, name, seed, connections, late, restMs }: WriterOptions = JSON.parse(process.argv[2] ?? '');
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());

const tell = (report: WriterReport): void => void process.stdout.write(`${JSON.stringify(report)}\n`);

// Killed by the test, or another transaction won.
const MAY_HAPPEN = /^(?:57P01|40001|40P01|ECONNRESET|EPIPE)$|terminated|not queryable/i;

/** One step after the other over one connection, and over a new one when that was killed. */
async function work(index: number): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name: name });
  pool.on('error', () => {});
  const session: Session = { pool, random: seededRandom(seed * 64 + index), tell, abandoned: [] };
  while (!stopping.signal.aborted) {
    try {
      // One of four writes through the library.
      if (index % 4 === 3) await completeByLibrary(session);
      else await plainStep(session);
    } catch (error) {
      const { code = '', sqlState = '', message } = error as { code?: string; sqlState?: string; message: string };
      const mayHappen = [code, sqlState, message].some((text) => MAY_HAPPEN.test(text));
      tell({ event: mayHappen ? 'lost' : 'unexpected', reason: `${code} ${sqlState} ${message}` });
      if (!mayHappen) process.exitCode = 1;
    }
    if (restMs > 0) await delay(restMs);
  }
  await pool.end();
}

async function plainStep(session: Session): Promise<void> {
  const client = await session.pool.connect();
  client.on('error', ignore);
  let failed = true;
  try {
    if (late && session.random.chance(0.5)) await completeInTransaction(session, client);
    else await completeOne(session, client);
    failed = false;
  } finally {
    client.off('error', ignore);
    // An open transaction is rolled back with its connection.
    client.release(failed);
  }
}

function ignore(): void {
  // The statement that was running on the killed connection has failed with the same error.
}

await Promise.all(Array.from({ length: connections }, (_, index) => work(index)));
