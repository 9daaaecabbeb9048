/** What the public types admit and refuse. Checked by `npm run typecheck`; nothing runs it. */
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { type Completion, type CompleteResult, createAuditLog, type NewEntry } from 'sealog';

const pool = new pg.Pool();
const auditLog = createAuditLog({ pool });

export function options(): void {
  createAuditLog({ connectionString: 'postgres://db/app', poolMax: 5, beginTimeoutMs: 500 });
  // @ts-expect-error one of pool and connectionString is needed
  createAuditLog({ schema: 'audit' });
  // @ts-expect-error and not both of them
  createAuditLog({ pool, connectionString: 'postgres://db/app' });
  // @ts-expect-error a client is no pool
  createAuditLog({ pool: new pg.Client() });
  // @ts-expect-error milliseconds are a number
  createAuditLog({ pool, beginTimeoutMs: '2s' });
}

export const entries: readonly NewEntry[] = [
  { operationId: 'disk_create', actor: { kind: 'user', id: 'u1' } },
  { operationId: 'disk_create', actor: { kind: 'system' }, tenantId: undefined, details: { size: 10n } },
  // @ts-expect-error a user has an id
  { operationId: 'disk_create', actor: { kind: 'user' } },
  // @ts-expect-error nobody has an id when anonymous
  { operationId: 'disk_create', actor: { kind: 'anonymous', id: 'u1' } },
  // @ts-expect-error no such kind
  { operationId: 'disk_create', actor: { kind: 'robot' } },
  // @ts-expect-error an operation has a name
  { actor: { kind: 'system' } },
];

export const completions: readonly Completion[] = [
  { kind: 'success', httpStatusCode: 201, resource: { type: 'disk', id: 'd1' } },
  { kind: 'error', message: 'no such disk', code: 'NotFound' },
  // @ts-expect-error an error has a message
  { kind: 'error', code: 'NotFound' },
  // @ts-expect-error a success has none
  { kind: 'success', message: 'fine' },
  // @ts-expect-error only the worker completes an entry as timeout
  { kind: 'timeout' },
];

export function whatBecameOfIt(result: CompleteResult): string {
  // @ts-expect-error only an amended entry has one
  void result.amendmentId;
  return result.status === 'amended' ? result.amendmentId : result.status;
}

export async function transactions(): Promise<void> {
  const entry: NewEntry = { operationId: 'disk_create', actor: { kind: 'system' } };
  const client = await pool.connect();
  const { id } = await auditLog.beginIn(client, entry);
  const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
  await db.transaction().execute((trx) => auditLog.completeIn(trx, id, { kind: 'success' }));
  // @ts-expect-error the text of a statement is no transaction
  await auditLog.beginIn('begin', entry);
  const value: number = await auditLog.record(entry, () => 5, {
    describeSuccess: (returned) => ({ details: { returned: returned.toFixed(2) } }),
    // @ts-expect-error a thrown value is unknown
    describeError: (error) => ({ message: error.message }),
  });
  // @ts-expect-error a page cannot be changed
  (await auditLog.list({ limit: value })).entries.pop();
}
