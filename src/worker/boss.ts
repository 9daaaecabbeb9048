import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { type Db, PgBoss } from 'pg-boss';
import { queueError, queueWarning } from './events.ts';
import type { Logger } from '../logger.ts';
import { SchemaVersionError } from '../store/errors.ts';
import { WITHOUT_LIMIT_MS } from '../store/patient-pool.ts';
import { errorBudget } from './error-budget.ts';
import { checkTie } from './queue-tie.ts';
import { TIMINGS, type Timings } from './timings.ts';

/** What pg-boss asks of a pool. */
export interface QueuePool {
  /** `query_timeout`: how long the answer may take, in milliseconds. Default: as the pool says. */
  query(statement: { text: string; values?: unknown[]; query_timeout?: number }): Promise<{ rows: unknown[] }>;
}

/** Where pg-boss is, and who asks. */
export interface QueueConnection {
  readonly pool: QueuePool;
  readonly schema: string;
  /** The audit log that the queue is for, in the same database. */
  readonly auditLogSchema: string;
  readonly logger: Logger;
  /** Shown in pg-boss's instance table. */
  readonly instanceName: string;
}

export interface BossOptions extends QueueConnection {
  /** Whether this process installs and upgrades pg-boss's own schema. */
  readonly migrate: boolean;
  /** `worker` schedules and supervises and is listed as a replica; `client` only sends and reads. */
  readonly role: 'worker' | 'client';
  /** Where pg-boss's own measurements go. Default: nowhere, or to the process's global one. */
  readonly meterProvider?: MeterProvider | undefined;
  /** The same for its spans. */
  readonly tracerProvider?: TracerProvider | undefined;
  readonly timings?: Timings;
}

/**
 * A pg-boss over our pool, not started. Errors become log lines: without a listener the first hiccup of the database
 * would end the process.
 */
export function openBoss(options: BossOptions): PgBoss {
  const {
    pool,
    schema,
    logger,
    instanceName,
    migrate,
    role,
    meterProvider,
    tracerProvider,
    timings = TIMINGS,
  } = options;
  const isWorker = role === 'worker';
  const boss = new PgBoss({
    db: databaseOf(pool, { isMigrating: migrate && !isWorker, answerMs: timings.answerMs }),
    schema,
    instanceName,
    migrate,
    clock: timings.clock,
    schedule: isWorker,
    supervise: isWorker,
    registerInstance: isWorker,
    ...timings.boss,
    // It waits for every older transaction, a dump for one, and supervision and the stop of a replica wait for it.
    reindex: false,
    persistWarnings: true,
    openTelemetry: { ...(meterProvider && { meterProvider }), ...(tracerProvider && { tracerProvider }) },
  });
  boss.on(
    'error',
    errorBudget((err, omitted) => queueError(logger, { err, omitted }), timings),
  );
  boss.on('warning', ({ message, data }) => queueWarning(logger, { warning: message, data }));
  return boss;
}

// pg-boss's migrations and index builds take as long as they take. For locks they wait half a minute by a limit of their own.
const BUILDS = /\b(?:create|alter|reindex)\b/i;
const BEGIN = /^\s*BEGIN;/;
const WITHOUT_LIMITS = `BEGIN; SET LOCAL statement_timeout = 0; DO $$ BEGIN
  IF current_setting('server_version_num')::integer >= 170000 THEN
    PERFORM set_config('transaction_timeout', '0', true);
  END IF;
END $$;`;

interface Patience {
  readonly isMigrating: boolean;
  readonly answerMs: number;
}

function databaseOf(pool: QueuePool, { isMigrating, answerMs }: Patience): Db {
  return {
    async executeSql(text, values) {
      const isPatient = isMigrating || BUILDS.test(text);
      return await pool.query({
        text: isPatient ? text.replace(BEGIN, () => WITHOUT_LIMITS) : text,
        ...(values && { values }),
        query_timeout: isPatient ? WITHOUT_LIMIT_MS : answerMs,
      });
    },
  };
}

/** Starts a pg-boss that does not migrate. Throws {@link SchemaVersionError} when its schema is not there, or another's. */
export async function startUnmigrated(boss: PgBoss, schema: string): Promise<void> {
  if (!(await boss.isInstalled())) {
    throw new SchemaVersionError('behind', `pg-boss is not installed in schema "${schema}": run \`sealog migrate\``);
  }
  try {
    await boss.start();
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('requires migrations'))) throw error;
    throw new SchemaVersionError(
      'behind',
      `pg-boss's schema "${schema}" has version ${await boss.schemaVersion()}, which is not that of this version of ` +
        'sealog: run `sealog migrate` of the newest version that is in use',
    );
  }
}

/** A started pg-boss that only sends and reads, for as long as `action` takes. */
export async function withClient<T>(queue: QueueConnection, action: (boss: PgBoss) => Promise<T>): Promise<T> {
  await checkTie(queue);
  const boss = openBoss({ ...queue, role: 'client', migrate: false });
  try {
    await startUnmigrated(boss, queue.schema);
    return await action(boss);
  } finally {
    await boss.stop({ graceful: false });
  }
}
