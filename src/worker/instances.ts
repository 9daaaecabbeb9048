import type { PgBoss } from 'pg-boss';
import { dateOf, milliseconds } from './instants.ts';
import { TIMINGS } from './timings.ts';

/** One worker process, from pg-boss's instance table. */
export interface Instance {
  /** Of the replica. */
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** Of pg-boss. */
  readonly version: string;
  readonly startedOn: Date;
  /** It reports every 30 s that it is there. */
  readonly lastSeen: Date;
  readonly isAlive: boolean;
  /** It went silent within the last `TIMINGS.lostMinutes`. */
  readonly isLost: boolean;
}

/** Of those that pg-boss keeps, up to a thousand that have ended: far more than there are replicas. */
const MOST = 1000;

/**
 * SQL of the replicas that have not reported that they stop, with `is_alive` and `is_lost`: the one definition of both, for
 * `status`, `activate` and the metrics. A replica has a name, schedules and supervises: any other program with a pg-boss on
 * the schema registers an instance too.
 */
export function instancesSql(schema: string): string {
  return `
    select name, host, pid, version, started_on, heartbeat_on, silent <= allowed as is_alive,
           silent > allowed and silent <= interval '${TIMINGS.lostMinutes} minutes' as is_lost
      from (select *, ${schema}.job_now() - heartbeat_on as silent,
                   heartbeat_seconds::float8 * ${TIMINGS.quietBeats} * interval '1 s' as allowed
              from ${schema}.instance
             where stopped_on is null and isfinite(heartbeat_on)
                and name is not null and supervise and schedule) as instance`;
}

/** The instances that have not reported that they stop: those that were heard of last come first. */
export async function listInstances(boss: PgBoss, schema: string): Promise<Instance[]> {
  const { rows } = await boss.getDb().executeSql(
    `select name, host, pid, version, ${milliseconds('started_on')} as started,
            ${milliseconds('heartbeat_on')} as seen, is_alive as "isAlive", is_lost as "isLost"
       from (${instancesSql(schema)}) as instance order by heartbeat_on desc limit ${MOST}`,
    [],
  );
  return (rows as InstanceRow[]).map(({ started, seen, ...instance }) => ({
    ...instance,
    startedOn: dateOf(started) ?? new Date(0),
    lastSeen: dateOf(seen) ?? new Date(0),
  }));
}

type InstanceRow = Omit<Instance, 'startedOn' | 'lastSeen'> & { readonly started: string; readonly seen: string };
