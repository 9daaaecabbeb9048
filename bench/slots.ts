/**
 * How soon an activation starts after its slot, and how soon it is done by another replica when its own is killed. Of
 * schedules, each contestant serves every minute with one replica, all at once; rescues are of fleets of two.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Benchmark, Row } from './harness/benchmark.ts';
import { median, spread } from './harness/measure.ts';
import type { BenchServer } from './harness/server.ts';
import { type Contestant, contestants, startReplica } from './idle/contestants.ts';
import { rescueOfPgBoss, rescueOfSealog } from './slots/rescue.ts';

const RESCUE_SECONDS = 30;

export const benchmark: Benchmark = {
  name: 'slots',
  question: 'How soon does an activation start after its slot, and how soon is it rescued after a crash?',
  peers: ['graphile-worker'],
  async run({ tiny, server, progress }) {
    const slots = tiny ? 0 : 6;
    const rounds = tiny ? 1 : 6;
    const all = contestants('src/bin.ts', { table: 'started' });
    progress(`${slots} slots and ${rounds} rescues`);
    const byHand = all.filter(({ name }) => !tiny && name.startsWith('pg-boss, ') && name !== 'pg-boss, defaults');
    // Each ends its replicas before an error of another ends this program.
    const [started, sealog, peers] = await everyOne([
      everyOne(all.map(async (contestant) => ({ contestant, late: await latenessOf(server, contestant, slots) }))),
      rescueOfSealog(server, rounds),
      everyOne(
        byHand.map(async (contestant) => ({
          contestant,
          seconds: await rescueOfPgBoss(server, contestant, Math.ceil(rounds / 2)),
        })),
      ),
    ]);
    const rescues = [
      { contestant: 'sealog', ...told(sealog) },
      ...peers.map(({ contestant, seconds }) => ({ contestant: contestant.name, ...told(seconds) })),
    ];
    const worst = Math.max(...sealog);
    return {
      tables: [
        {
          title: 'From the slot to the first statement of the activation, one replica, seconds',
          rows: started.filter(({ late }) => late.length > 0).map(rowOf),
        },
        { title: 'From SIGKILL to the rescue, two replicas, seconds', rows: rescues },
      ],
      aims: [
        {
          aim: `the slowest rescue of sealog within ${RESCUE_SECONDS} s`,
          measured: worst,
          reached: worst < RESCUE_SECONDS,
        },
      ],
      counts: [
        { what: 'activations rescued', expected: rounds, counted: sealog.length },
        {
          what: 'slots that nobody served',
          expected: 0,
          counted: started.reduce((sum, { late }) => sum + slots - late.length, 0),
        },
      ],
      plot: {
        title: 'From the slot to the first statement',
        data: {
          values: started.flatMap(({ contestant, late }) =>
            late.map((seconds) => ({ contestant: contestant.name, seconds })),
          ),
        },
        mark: 'point',
        encoding: {
          y: { field: 'contestant', type: 'nominal', title: null },
          x: { field: 'seconds', type: 'quantitative' },
        },
      },
      notes: [
        'By its defaults, pg-boss rescues a job after 15 minutes (expireInSeconds), and graphile-worker after 4 hours (its reset of locked_at), which no setting changes: neither was waited for.',
        'Sealog: to the completed activation. The others: to the start of the job on the other replica.',
      ],
    };
  },
};

/** Seconds after the minute, for so many slots. */
async function latenessOf(server: BenchServer, contestant: Contestant, slots: number): Promise<readonly number[]> {
  if (slots === 0) return [];
  const isSealog = contestant.name === 'sealog';
  await using database = await server.createDatabase({ empty: !isSealog });
  await database.pool.query('create table started (at timestamptz not null)');
  const at = { url: database.url, name: 'replica', schedule: '* * * * *' };
  await using stack = new AsyncDisposableStack();
  stack.use((await startReplica(contestant, at)).process);
  // An activation looks at the clock first, and tells it as the cutoff.
  const starts = isSealog
    ? `select (output->>'cutoff')::timestamptz + interval '4 hours' as at from pgboss.job
        where name = 'audit-timeout' and data->>'trigger' = 'schedule' and output ? 'cutoff'`
    : 'select at from started';
  const query = `select extract(epoch from at - date_trunc('minute', at))::float8 as late from (${starts}) started
    where at > $1 order by at`;
  const { rows } = await database.pool.query<{ now: Date }>(
    `select date_trunc('minute', clock_timestamp()) + interval '1 minute' as now`,
  );
  await delay(rows[0]!.now.getTime() - Date.now() + slots * 60_000 - 5000);
  return (await database.pool.query<{ late: number }>(query, [rows[0]!.now])).rows.map(({ late }) => late);
}

function rowOf({ contestant, late }: { readonly contestant: Contestant; readonly late: readonly number[] }): Row {
  return { contestant: contestant.name, ...told(late) };
}

function told(seconds: readonly number[]): Row {
  const { n, min, max } = spread(seconds);
  return { n, 'median s': median(seconds), 'fastest s': min, 'slowest s': max };
}

async function everyOne<T extends readonly Promise<unknown>[]>(
  promises: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}
