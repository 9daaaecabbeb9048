import type pg from 'pg';

type Queryable = Pick<pg.Client, 'query'>;

/** The two that a production log of 4,898,486 entries was found to have lost. */
export async function beginLostLogins(client: Queryable): Promise<void> {
  await client.query(
    `insert into sealog.audit_log (time_started, operation_id, actor_kind, request_uri, source_ip)
     select started::timestamptz, 'login_saml', 'anonymous', '/login/main/saml/idp', '10.0.0.9'
       from unnest(array['2025-10-18 09:12:44.123456+00', '2026-03-02 16:40:01.654321+00']) started`,
  );
}

/** Begins entries one a millisecond, ten hours ago, as instances that crashed have left them. */
export async function beginStaleEntries(client: Queryable, entries: number): Promise<void> {
  await client.query(
    `insert into sealog.audit_log (time_started, operation_id, actor_kind, actor_id, request_id, request_uri, source_ip,
       user_agent, instance_id)
     select now() - interval '10 hours' + n * interval '1 millisecond', 'operation_' || n % 5, 'user', 'user-' || n % 500,
            md5(n::text), '/v1/disks/' || n, '10.0.0.9', 'sealog-client/1.4.2 (linux; x86_64)', 'instance-' || n % 8
       from generate_series(1, $1::integer) n`,
    [entries],
  );
}

/** The same, of which the server knows by its statistics, and whose pages are on disk. */
export async function beginBacklog(client: Queryable, entries: number): Promise<void> {
  await beginStaleEntries(client, entries);
  await client.query('vacuum (analyze) sealog.audit_log');
  await client.query('checkpoint');
}

export async function countResults(
  client: Queryable,
): Promise<{ readonly timeout: number; readonly incomplete: number }> {
  const { rows } = await client.query<{ timeout: number; incomplete: number }>(
    `select (select count(*)::integer from sealog.audit_log where result_kind = 'timeout') as timeout,
            (select count(*)::integer from sealog.audit_log where time_completed is null) as incomplete`,
  );
  return rows[0]!;
}
