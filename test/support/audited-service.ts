import { once } from 'node:events';
import { type ClientRequest, request as httpRequest } from 'node:http';
import type { Pool } from 'pg';
import { waitUntil } from './wait.ts';

export interface StoredEntry {
  readonly id: string;
  readonly operation_id: string;
  readonly actor: string;
  readonly uri: string | null;
  readonly ip: string | null;
  readonly result: string | null;
  readonly status: number | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly resource: string | null;
  readonly details: unknown;
  readonly tenant: string | null;
}

/** All entries, oldest first, as soon as there are `count` and all are completed but `incomplete` of them. */
export async function storedEntries(
  pool: Pool,
  count: number,
  { incomplete = 0 }: { readonly incomplete?: number } = {},
): Promise<StoredEntry[]> {
  let entries: StoredEntry[] = [];
  await waitUntil(`${count} entries, ${incomplete} of them incomplete`, async () => {
    const { rows } = await pool.query<StoredEntry>(
      `select id, operation_id, concat_ws(':', actor_kind, actor_id) as actor, request_uri as uri,
              host(source_ip) as ip, result_kind as result, http_status_code as status, error_code as code,
              error_message as message, concat_ws(':', resource_type, resource_id) as resource, details,
              tenant_id as tenant
         from sealog.audit_log order by time_started, id`,
    );
    entries = rows;
    return rows.length === count && rows.filter(({ result }) => result === null).length === incomplete;
  }).catch((error: unknown) => {
    throw new Error(`there are ${JSON.stringify(entries, null, 1)}`, { cause: error });
  });
  return entries;
}

/** A request whose client can go away. */
export async function openRequest(port: number, method: string, path: string): Promise<ClientRequest> {
  const request = httpRequest({ host: '127.0.0.1', port, method, path, agent: false });
  request.on('error', () => {});
  request.end();
  await once(request, 'socket');
  return request;
}
