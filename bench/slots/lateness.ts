import { setTimeout as delay } from 'node:timers/promises';
import type { BenchServer } from '../harness/server.ts';
import { type Contestant, startReplica } from '../idle/contestants.ts';

/** The table in which the replicas of peers note each start. */
export const STARTED = 'started';

/** Within so much of the minute before it a replica starts: pg-boss looks each half minute, counted from its start. */
const STARTING_MS = 30_000;

/** How many seconds after its slot an activation starts, for so many slots, each served by a new replica. */
export async function latenessOf(
  server: BenchServer,
  contestant: Contestant,
  slots: number,
): Promise<readonly number[]> {
  const late: number[] = [];
  for (let slot = 0; slot < slots; slot++) late.push(...(await serveSlot(server, contestant)));
  return late;
}

/** The start of the one slot, or nothing when none came within most of its minute. */
async function serveSlot(server: BenchServer, contestant: Contestant): Promise<readonly number[]> {
  await delay(untilNextMinute() + Math.random() * STARTING_MS);
  const isSealog = contestant.name === 'sealog';
  await using database = await server.createDatabase({ empty: !isSealog });
  await database.pool.query(`create table ${STARTED} (at timestamptz not null)`);
  const at = { url: database.url, name: 'replica', schedule: '* * * * *' };
  await using stack = new AsyncDisposableStack();
  stack.use((await startReplica(contestant, at)).process);
  const toSlot = untilNextMinute();
  const slot = new Date(Date.now() + toSlot);
  await delay(toSlot + 50_000);
  // An activation looks at the clock first, and tells it as the cutoff.
  const starts = isSealog
    ? `select (output->>'cutoff')::timestamptz + interval '4 hours' as at from pgboss.job
        where name = 'audit-timeout' and data->>'trigger' = 'schedule' and output ? 'cutoff'`
    : `select at from ${STARTED}`;
  const { rows } = await database.pool.query<{ late: number }>(
    `select extract(epoch from min(at) - $1::timestamptz)::float8 as late from (${starts}) start
      where at > $1::timestamptz - interval '1 second' having count(*) > 0`,
    [slot],
  );
  return rows.map(({ late }) => late);
}

/** By the clock of this process, which is on the server's machine. */
function untilNextMinute(): number {
  return 60_000 - (Date.now() % 60_000);
}
