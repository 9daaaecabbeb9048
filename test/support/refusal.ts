import pg from 'pg';

/** What PostgreSQL answers to a statement that it refuses, whole. */
export async function refusal(client: pg.Client, statement: string, values: unknown[] = []): Promise<pg.DatabaseError> {
  await client.query('begin');
  try {
    await client.query(statement, values);
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error;
    throw error;
  } finally {
    await client.query('rollback');
  }
  throw new Error(`it was not refused: ${statement}`);
}
