import type { Pool } from 'pg';

/**
 * Rows of pg-boss as a fleet would have left them, for tests of what is told of them. Ages are in seconds, by
 * pg-boss's clock: see `stopQueueClock`.
 */
export interface FleetRows {
  readonly schedule?: { readonly cron: string; readonly changedAgo: number };
  readonly replicas?: readonly { readonly name: string; readonly seenAgo: number; readonly stopped?: boolean }[];
  readonly activations?: readonly ActivationRow[];
}

export interface ActivationRow {
  readonly state: string;
  readonly createdAgo: number;
  /** Added to `output`. */
  readonly cutoffAgo?: number;
  readonly startedAgo?: number;
  readonly completedAgo?: number;
  readonly retries?: number;
  readonly data?: object;
  readonly output?: object;
}

export async function insertFleet(pool: Pick<Pool, 'query'>, fleet: FleetRows): Promise<void> {
  const { schedule, replicas = [], activations = [] } = fleet;
  if (schedule) {
    await pool.query(
      `insert into pgboss.schedule (name, cron, timezone, created_on, updated_on)
       values ('audit-timeout', $1, 'UTC', pgboss.job_now() - make_interval(secs => $2), pgboss.job_now() - make_interval(secs => $2))`,
      [schedule.cron, schedule.changedAgo],
    );
  }
  await pool.query(
    `insert into pgboss.instance (id, name, host, pid, version, node_version, heartbeat_seconds, supervise, schedule,
                                  migrate, persist_queue_stats, persist_warnings, started_on, heartbeat_on, stopped_on)
     select gen_random_uuid(), name, 'host-' || position, 100 + position, '12.38.0', '24.21.0', 200, true, true,
            true, false, true, pgboss.job_now() - interval '3 hours 30 minutes', pgboss.job_now() - make_interval(secs => "seenAgo"),
            case when stopped then pgboss.job_now() end
       from rows from (jsonb_to_recordset($1) as (name text, "seenAgo" float8, stopped boolean))
            with ordinality as replicas (name, "seenAgo", stopped, position)`,
    [JSON.stringify(replicas)],
  );
  await pool.query(
    `insert into pgboss.job (name, policy, state, retry_count, data, output, created_on, started_on, completed_on)
     select 'audit-timeout', 'stately', state::pgboss.job_state, coalesce(retries, 0), data,
            case when "cutoffAgo" is null then output else output || jsonb_build_object('cutoff', to_char(
              (pgboss.job_now() - make_interval(secs => "cutoffAgo")) at time zone 'UTC',
              'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) end,
            pgboss.job_now() - make_interval(secs => "createdAgo"), pgboss.job_now() - make_interval(secs => "startedAgo"),
            pgboss.job_now() - make_interval(secs => "completedAgo")
       from jsonb_to_recordset($1) as activation (state text, retries integer, data jsonb, output jsonb,
                                                  "cutoffAgo" float8, "createdAgo" float8, "startedAgo" float8, "completedAgo" float8)`,
    [JSON.stringify(activations)],
  );
}

/** An activation that has completed, so long ago; `outcome` is what differs from one that found nothing. */
export function completedAgo(seconds: number, outcome: object = {}): ActivationRow {
  const nothing = {
    by: 'worker-1',
    trigger: 'schedule',
    limit: 1000,
    timedOut: 0,
    limitReached: false,
    oldestStarted: null,
    byOperation: {},
    sampleIds: [],
    skipped: [],
    durationMs: 9,
  };
  const times = { createdAgo: seconds + 4, startedAgo: seconds, completedAgo: seconds, cutoffAgo: seconds + 14_400 };
  return { state: 'completed', ...times, output: { ...nothing, ...outcome } };
}
