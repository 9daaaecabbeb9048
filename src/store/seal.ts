import type { Instant } from '../audit-log/instant.ts';
import type { AuditLogDatabase } from './database.ts';
import { instantJson, instantOfJson } from './instant-json.ts';
import { auditLogTable, kyselyQuery } from './query.ts';

/**
 * Seals the completed past, up to `target` if that is enough, and answers the horizon. Entries up to it are read in a
 * later statement, on the same server. Cheap when that much is sealed already: migrations/0004_sealing.sql. What anybody
 * has sealed within the last `withinMs` is enough.
 */
export async function seal(
  { db, schema }: AuditLogDatabase,
  target: Instant | undefined,
  { withinMs = 0 }: { readonly withinMs?: number } = {},
): Promise<Instant> {
  const enough = withinMs === 0 ? '' : `, ${sealedLately(schema, withinMs / 1000)}`;
  const [sealed] = await kyselyQuery(db)<{ readonly horizon: string }>(
    `select ${instantJson(`${auditLogTable(schema)}_seal(least($1::timestamptz${enough}))`)} as horizon`,
    [target ?? 'infinity'],
  );
  return instantOfJson(sealed!.horizon);
}

/**
 * SQL of the target of who is content with what was sealed within the last `seconds`. A horizon that is ahead of the
 * clock says nothing about that: the clock was ahead, and has been set back. Then everybody seals, or what is completed
 * stays unseen until the clock has come that far again.
 */
export function sealedLately(schema: string, seconds: number): string {
  const table = auditLogTable(schema);
  return `(select case when sealed > ${table}_clock() then timestamptz 'infinity'
                       else ${table}_clock() - pg_catalog.make_interval(secs => ${seconds}) end from ${table}_horizon)`;
}
