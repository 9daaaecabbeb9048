import pg from 'pg';

/**
 * Adds completed entries, from the `from`-th up to `to`, as wide as those of a service with a few operations and users:
 * about 330 bytes a row without its indexes. One is started every two seconds, since April 2025.
 *
 * The owner passes over the triggers, and indexes are rebuilt afterwards: filling is no part of what is measured.
 */
export async function addCompletedEntries(
  url: string,
  { from, to, progress }: { readonly from: number; readonly to: number; readonly progress: (what: string) => void },
): Promise<void> {
  await using owner = await ownerOf(url);
  const rebuild = to - from > 100_000 ? await dropIndexes(owner) : [];
  for (let first = from; first < to; first += BATCH) {
    progress(`${first.toLocaleString('en')} of ${to.toLocaleString('en')} completed entries`);
    await owner.query(INSERT, [first + 1, Math.min(first + BATCH, to)]);
  }
  progress(`indexes of ${to.toLocaleString('en')} entries`);
  for (const statement of rebuild) await owner.query(statement);
  await owner.query('vacuum (analyze) sealog.audit_log');
  await owner.query('checkpoint');
}

const BATCH = 200_000;

const INSERT = `
  insert into sealog.audit_log (id, time_started, operation_id, actor_kind, actor_id, tenant_id, auth_method,
    credential_id, request_id, request_uri, source_ip, user_agent, resource_type, resource_id, instance_id,
    time_completed, result_kind, http_status_code, error_code, error_message)
  select (lpad(to_hex((extract(epoch from started) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3)
           || '8' || substr(hash, 4, 15))::uuid,
         started,
         (array['disk_create', 'disk_delete', 'instance_create', 'instance_delete', 'instance_stop', 'login_saml'])[1 + n % 6],
         'user', 'user-' || n % 500, 'tenant-' || n % 20, 'session_cookie', substr(hash, 1, 16), hash,
         '/v1/disks/' || substr(hash, 1, 12) || '?project=p' || n % 100,
         inet '10.0.0.0' + n % 65536, 'sealog-client/1.4.2 (linux; x86_64)',
         'disk', substr(hash, 1, 12), 'instance-' || n % 8,
         started + (n % 900 + 20) * interval '1 millisecond', case when failed then 'error' else 'success' end,
         case when failed then 404 else 201 end, case when failed then 'NotFound' end,
         case when failed then 'disk not found' end
    from (select n, n % 40 = 0 as failed, md5(n::text) as hash,
                 timestamptz '2025-04-01 00:00:00+00' + n * interval '2 seconds' as started
            from generate_series($1::integer, $2::integer) n) entry`;

/** A connection of the owner for which no trigger fires. */
export async function ownerOf(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, options: '-c session_replication_role=replica' });
  client.on('error', () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** Answers the statements that make them again. */
async function dropIndexes(owner: pg.Client): Promise<readonly string[]> {
  const { rows } = await owner.query<{ drop: string; make: string }>(
    `select case when c.oid is null then format('drop index %s', i.indexrelid::regclass)
              else format('alter table sealog.audit_log drop constraint %I', c.conname) end as drop,
            case when c.oid is null then pg_get_indexdef(i.indexrelid)
              else format('alter table sealog.audit_log add constraint %I %s', c.conname, pg_get_constraintdef(c.oid)) end as make
       from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype = 'p'
      where i.indrelid = 'sealog.audit_log'::regclass`,
  );
  for (const { drop } of rows) await owner.query(drop);
  return rows.map(({ make }) => make);
}
