import type pg from 'pg';

/** What a batch is asked for. */
export interface BareBatch {
  readonly cutoff: string;
  readonly limit: number;
}

/**
 * sealog's statement, its guards and what it answers included, but written out, sent by a bare client over one round
 * trip, and with the time given, because no trigger stamps it.
 */
export const GUARDED = `
  with stale as materialized (
    select id from sealog.audit_log where time_completed is null and time_started < $1::timestamptz
     order by time_started, id limit $2 for update skip locked),
  timed_out as (
    update sealog.audit_log entry set result_kind = 'timeout', time_completed = clock_timestamp()
      from stale where entry.id = stale.id and entry.result_kind is null
    returning entry.id, entry.time_started, entry.operation_id),
  operation as (
    select operation_id, count(*) as entries from timed_out group by operation_id order by entries desc, operation_id limit 50)
  select count(*)::integer as "timedOut", min(time_started)::text as "oldestStarted",
         (select coalesce(jsonb_object_agg(operation_id, entries), '{}') from operation) as "byOperation",
         coalesce((array_agg(id order by time_started, id))[1:10], '{}') as "sampleIds"
    from timed_out`;

/** The form that this job had where it comes from. Under READ COMMITTED it overwrites outcomes: only its speed counts. */
export const UNGUARDED = `
  update sealog.audit_log set time_completed = $3::timestamptz, result_kind = 'timeout',
         http_status_code = null, error_code = null, error_message = null
   where id in (select id from sealog.audit_log where time_completed is null and time_started < $1::timestamptz
                 order by time_started, id limit $2)`;

/** How many entries it has completed. */
export async function timeoutGuarded(client: Pick<pg.Client, 'query'>, { cutoff, limit }: BareBatch): Promise<number> {
  const { rows } = await client.query<{ timedOut: number }>(GUARDED, [cutoff, limit]);
  return rows[0]!.timedOut;
}

export async function timeoutUnguarded(
  client: Pick<pg.Client, 'query'>,
  { cutoff, limit }: BareBatch,
): Promise<number> {
  const { rowCount } = await client.query(UNGUARDED, [cutoff, limit, new Date().toISOString()]);
  return rowCount ?? 0;
}
