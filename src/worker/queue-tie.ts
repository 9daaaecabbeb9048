import { ConfigError } from '../errors.ts';
import { JOBS } from '../jobs/jobs.ts';
import { SchemaVersionError } from '../store/errors.ts';
import { claimSchema, refuseForeignObjects, type SendText } from '../store/foreign-objects.ts';
import { identifier, literal } from '../store/quoting.ts';
import type { QueueConnection } from './boss.ts';

/**
 * An audit log has one queue, and a queue has one audit log: each names the other, in a table of its schema
 * (migrations/0007_queue.sql). Two logs on one queue would have their activations run by each other's workers; one log
 * on two queues would have two activations at a time.
 */
interface Tie {
  /** The queue that the audit log names, if it names one. */
  readonly queueOfLog: string | undefined;
  /** The audit log that the configured queue names, if it names one. */
  readonly logOfQueue: string | undefined;
}

/**
 * Throws {@link ConfigError} when the queue is another audit log's or the audit log has another queue, and
 * {@link SchemaVersionError} while `sealog migrate` has not tied them.
 */
export async function checkTie(queue: QueueConnection): Promise<void> {
  const { logOfQueue } = await usableTie(queue);
  if (logOfQueue === queue.auditLogSchema) return;
  throw new SchemaVersionError(
    'behind',
    `no queue of the audit log "${queue.auditLogSchema}" is installed in schema "${queue.schema}": run \`sealog migrate\``,
  );
}

/** The schemas of a queue and of its audit log. */
export type TiedPlace = Pick<QueueConnection, 'schema' | 'auditLogSchema'>;

/**
 * SQL of whether they name each other, for who runs. Where they do not, {@link checkTie} says why. Somebody may drop a
 * queue while its workers run, and give another audit log one in its place.
 */
export function tiedSql({ schema, auditLogSchema }: TiedPlace): string {
  return `(exists (select from ${identifier(schema)}.sealog_queue where audit_log_schema = ${literal(auditLogSchema)})
             and exists (select from ${identifier(auditLogSchema)}.queue where schema = ${literal(schema)}))`;
}

/**
 * Before pg-boss's schema is installed or upgraded: throws {@link ConfigError} when it is another audit log's, or another
 * program's, or when the audit log has another queue, and StoreError when it belongs to a role that is not to be trusted.
 */
export async function checkBeforeTie(queue: QueueConnection): Promise<void> {
  const { logOfQueue } = await usableTie(queue, trusted(queue));
  await claimSchema(sendTo(queue), queue.schema);
  if (logOfQueue === undefined && (await hasTable(queue, queue.schema, 'queue'))) await refuseOtherProgram(queue);
}

const sendTo =
  ({ pool }: QueueConnection): SendText =>
  async (statement) =>
    await pool.query(statement);

/** Whether there is such a schema, for a role whose rights others may want. Throws StoreError when it is somebody else's. */
const trusted =
  (queue: QueueConnection): MayRead =>
  async (schema) =>
    await refuseForeignObjects(sendTo(queue), schema);

async function refuseOtherProgram(queue: QueueConnection): Promise<void> {
  const { rows } = await queue.pool.query({
    text: `select name from ${identifier(queue.schema)}.queue
            where name <> all($1) and not starts_with(name, '__pgboss__') order by name limit 1`,
    values: [JOBS.map(({ name }) => name)],
  });
  const [foreign] = rows as { name: string }[];
  if (foreign) {
    throw refused(
      'a schema of its own for the queue',
      queue.schema,
      `, which holds the queue "${foreign.name}" of another program`,
    );
  }
}

/** Has the audit log and its queue name each other. After pg-boss's schema is there, in a migration turn. */
export async function tie(queue: QueueConnection): Promise<void> {
  const { pool, schema, auditLogSchema } = queue;
  const { logOfQueue, queueOfLog } = await usableTie(queue, trusted(queue));
  if (logOfQueue !== auditLogSchema) {
    const table = `${identifier(schema)}.sealog_queue`;
    await pool.query({
      text: `create table if not exists ${table} (
               only_row boolean primary key default true check (only_row),
               audit_log_schema text not null
             )`,
    });
    await pool.query({
      text: `insert into ${table} (audit_log_schema) values ($1)
             on conflict (only_row) do update set audit_log_schema = excluded.audit_log_schema`,
      values: [auditLogSchema],
    });
  }
  if (queueOfLog === schema) return;
  await pool.query({
    text: `insert into ${identifier(auditLogSchema)}.queue (schema) values ($1)
           on conflict (only_row) do update set schema = excluded.schema`,
    values: [schema],
  });
}

/** The tie, without what names something that is not there any more. Throws {@link ConfigError} as above. */
async function usableTie(queue: QueueConnection, mayRead: MayRead = async () => true): Promise<Tie> {
  const { pool, schema, auditLogSchema } = queue;
  const { rows } = await pool.query({ text: `select schema from ${identifier(auditLogSchema)}.queue` });
  const [{ schema: named } = { schema: undefined }] = rows as { schema?: string }[];
  const isElsewhere =
    named !== undefined && named !== schema && (await logOf(queue, named, mayRead)) === auditLogSchema;
  if (isElsewhere) {
    throw refused(
      `"${named}", the queue of the audit log "${auditLogSchema}"`,
      schema,
      `: to change that, stop all workers and drop schema "${named}"`,
    );
  }
  const owner = await logOf(queue, schema, mayRead);
  const isThere = owner !== undefined && (owner === auditLogSchema || (await hasTable(queue, owner, 'audit_log')));
  if (isThere && owner !== auditLogSchema) {
    throw refused(
      `a queue of the audit log "${auditLogSchema}"`,
      schema,
      `, which is the queue of the audit log "${owner}" in the same database`,
    );
  }
  return { queueOfLog: named, logOfQueue: isThere ? owner : undefined };
}

/** Whether a schema may be read: what its owner put in the place of a table would run as who reads it. */
type MayRead = (schema: string) => Promise<boolean>;

async function logOf(queue: QueueConnection, schema: string, mayRead: MayRead): Promise<string | undefined> {
  if (!(await mayRead(schema)) || !(await hasTable(queue, schema, 'sealog_queue'))) return undefined;
  const { rows } = await queue.pool.query({ text: `select audit_log_schema from ${identifier(schema)}.sealog_queue` });
  return (rows as { audit_log_schema: string }[])[0]?.audit_log_schema;
}

/** By the catalog, which everybody may read. Reading a table with row security runs what its owner wrote: it claims nothing. */
async function hasTable({ pool }: QueueConnection, schema: string, table: string): Promise<boolean> {
  const { rows } = await pool.query({
    text: 'select from pg_catalog.pg_tables where schemaname = $1 and tablename = $2 and not rowsecurity',
    values: [schema, table],
  });
  return rows.length > 0;
}

function refused(expected: string, got: string, why: string): ConfigError {
  return new ConfigError([`queue.schema (SEALOG_QUEUE_SCHEMA): expected ${expected}, got "${got}"${why}`]);
}
