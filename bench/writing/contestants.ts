import pg from 'pg';
import { createAuditLog } from '../../src/index.ts';

/** Two tables beside the audit log's, as it is but without its triggers: `bare` and `after`. */
export async function makeBareTables(pool: Pick<pg.Pool, 'query'>): Promise<void> {
  for (const table of ['bare', 'after']) await makeTableLikeTheLog(pool, table);
}

/** With all columns, defaults, constraints and indexes, and without a trigger. */
export async function makeTableLikeTheLog(pool: Pick<pg.Pool, 'query'>, table: string): Promise<void> {
  await pool.query(`
    create table ${table} (like sealog.audit_log including all) with (
      autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
      autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000)`);
}

/** Writes one entry, from its beginning to its outcome. */
export type Write = () => Promise<unknown>;

export interface Writers extends AsyncDisposable {
  readonly contestants: Readonly<Record<string, Write>>;
}

const ACTOR = 'user-17';
const URI = '/v1/disks?project=p1';
const AGENT = 'sealog-client/1.4.2 (linux; x86_64)';
const REQUEST = '3f2b8c1e9d4a4c6f8a5b7d0e1c2f3a4b';
const DETAILS = { size: '10 GiB', image: 'debian-13' };
const BEGUN = `operation_id, actor_kind, actor_id, tenant_id, auth_method, credential_id, request_id, request_uri,
  source_ip, user_agent, resource_type, resource_id, details, instance_id`;
const BEGUN_VALUES = [
  'disk_create',
  'user',
  ACTOR,
  'tenant-3',
  'session_cookie',
  'credential-9',
  REQUEST,
  URI,
  '10.1.2.3',
  AGENT,
  null,
  null,
  JSON.stringify(DETAILS),
  'instance-1',
];
const AFTER = `insert into after (${BEGUN}, time_completed, result_kind, http_status_code)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, clock_timestamp(), $15, $16) returning id`;

/** An insert and an update written by hand, that stamps by itself where no trigger does. */
export function pairByHand(
  pool: Pick<pg.Pool, 'query'>,
  { table, stamps, named = false }: { readonly table: string; readonly stamps: boolean; readonly named?: boolean },
): Write {
  const insert = `insert into ${table} (${BEGUN})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning id, time_started::text`;
  // Its condition is sealog's too: by `time_completed is null`, PostgreSQL would often rather read the index of
  // incomplete entries, and that is several times slower.
  const update = `update ${table} set ${stamps ? 'time_completed = clock_timestamp(), ' : ''}result_kind = $2,
      http_status_code = $3, resource_type = $4, resource_id = $5
    where id = $1 and result_kind is null returning time_completed::text`;
  const statement = (name: string, text: string, values: unknown[]) =>
    named ? { name: `${name} ${table}`, text, values } : { text, values };
  return async () => {
    const { rows } = await pool.query<{ id: string }>(statement('insert', insert, BEGUN_VALUES));
    await pool.query(statement('update', update, [rows[0]!.id, 'success', 201, 'disk', 'disk-1']));
  };
}

export function pairBySealog(pool: pg.Pool, { prepared = false }: { readonly prepared?: boolean } = {}): Write {
  const auditLog = createAuditLog({ pool, instanceId: 'instance-1', preparedStatements: prepared });
  return async () => {
    const { id } = await auditLog.begin({
      operationId: 'disk_create',
      actor: { kind: 'user', id: ACTOR },
      tenantId: 'tenant-3',
      authMethod: 'session_cookie',
      credentialId: 'credential-9',
      requestId: REQUEST,
      requestUri: URI,
      sourceIp: '10.1.2.3',
      userAgent: AGENT,
      details: DETAILS,
    });
    await auditLog.complete(id, { kind: 'success', httpStatusCode: 201, resource: { type: 'disk', id: 'disk-1' } });
  };
}

/** All write the same entry, over pools of the same kind and size. */
export function openWriters(url: string, { connections, durable }: { connections: number; durable: boolean }): Writers {
  const pool = openBenchPool(url, { connections, durable });
  return {
    contestants: {
      'bare pair': pairByHand(pool, { table: 'bare', stamps: true }),
      sealog: pairBySealog(pool),
      'bare pair, prepared': pairByHand(pool, { table: 'bare', stamps: true, named: true }),
      'sealog, prepared': pairBySealog(pool, { prepared: true }),
      'one insert, after the fact': async () => {
        await pool.query(AFTER, [...BEGUN_VALUES, 'success', 201]);
      },
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

export function openBenchPool(
  url: string,
  { connections, durable }: { connections: number; durable: boolean },
): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    ...(!durable && { options: '-c synchronous_commit=off' }),
  });
  pool.on('error', () => {});
  return pool;
}
