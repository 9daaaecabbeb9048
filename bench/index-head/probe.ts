import type pg from 'pg';
import { GUARDED } from '../entries/bare-statements.ts';

/** What an activation's statement read and took, as EXPLAIN (ANALYZE, BUFFERS) tells. It is rolled back. */
export interface Probe {
  readonly when: string;
  readonly buffers: number;
  readonly ms: number;
}

export async function probeActivation(client: Pick<pg.Client, 'query'>, when: string): Promise<Probe> {
  await client.query('begin');
  const { rows } = await client.query<{ 'QUERY PLAN': readonly [Explained] }>(
    `explain (analyze, buffers, timing off, format json) ${GUARDED}`,
    // The cutoff of the default timeout.
    [new Date(Date.now() - 4 * 3_600_000).toISOString(), 1000],
  );
  await client.query('rollback');
  const { Plan: plan, 'Execution Time': ms } = rows[0]!['QUERY PLAN'][0];
  return { when, buffers: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], ms };
}

interface Explained {
  readonly Plan: { readonly 'Shared Hit Blocks': number; readonly 'Shared Read Blocks': number };
  readonly 'Execution Time': number;
}
