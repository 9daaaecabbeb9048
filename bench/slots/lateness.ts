import { setTimeout as delay } from 'node:timers/promises';
import type { BenchServer } from '../harness/server.ts';
import { type Contestant, startReplica } from '../idle/contestants.ts';

/** The table in which the replicas of peers note each start. */
export const STARTED = 'started';

/** How many seconds after its slot an activation starts, for so many slots, one a minute, served by one replica. */
export async function latenessOf(
  server: BenchServer,
  contestant: Contestant,
  slots: number,
): Promise<readonly number[]> {
  if (slots === 0) return [];
  const isSealog = contestant.name === 'sealog';
  await using database = await server.createDatabase({ empty: !isSealog });
  await database.pool.query(`create table ${STARTED} (at timestamptz not null)`);
  const at = { url: database.url, name: 'replica', schedule: '* * * * *' };
  await using stack = new AsyncDisposableStack();
  stack.use((await startReplica(contestant, at)).process);
  // An activation looks at the clock first, and tells it as the cutoff.
  const starts = isSealog
    ? `select (output->>'cutoff')::timestamptz + interval '4 hours' as at from pgboss.job
        where name = 'audit-timeout' and data->>'trigger' = 'schedule' and output ? 'cutoff'`
    : `select at from ${STARTED}`;
  const query = `select extract(epoch from at - date_trunc('minute', at))::float8 as late from (${starts}) start
    where at > $1 order by at`;
  const { rows } = await database.pool.query<{ now: Date }>(
    `select date_trunc('minute', clock_timestamp()) + interval '1 minute' as now`,
  );
  await delay(rows[0]!.now.getTime() - Date.now() + slots * 60_000 - 5000);
  return (await database.pool.query<{ late: number }>(query, [rows[0]!.now])).rows.map(({ late }) => late);
}
