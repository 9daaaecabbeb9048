/**
 * A program: begins an entry in each of the schemas that its arguments name, in this order, with prepared statements on
 * one connection, and prints the names that the connection keeps, by the text of the statement.
 */
import { createAuditLog } from '../../src/index.ts';
import { testPool } from './connection.ts';

const [url, ...schemas] = process.argv.slice(2);
const pool = testPool({ connectionString: url, max: 1 });
for (const schema of schemas) {
  const log = createAuditLog({ pool, schema, preparedStatements: true });
  const { id } = await log.begin({ operationId: 'a', actor: { kind: 'system' } });
  if (schema === schemas[0]) await log.complete(id, { kind: 'success' });
}
const { rows } = await pool.query('select statement, name from pg_prepared_statements order by statement');
process.stdout.write(`${JSON.stringify(rows)}\n`);
await pool.end();
