import { performance } from 'node:perf_hooks';
import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { type Clock, type Db, PgBoss, systemClock } from 'pg-boss';
import { queueError, queueWarning } from './events.ts';
import type { Logger } from '../logger.ts';
import { SchemaVersionError } from '../store/errors.ts';
import { WITHOUT_LIMIT_MS } from '../store/patient-pool.ts';
import { errorBudget } from './error-budget.ts';
import { checkTie } from './queue-tie.ts';

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
}

// pg-boss plans its timers by this clock. One that never steps keeps a replica scheduling when its host's time is set
// back, by minutes or hours, under it; which minute it is comes from the database.
export const monotonicClock: Clock = {
  ...systemClock,
  now: () => Math.round(performance.timeOrigin + performance.now()),
};

/**
 * A pg-boss over our pool, not started. Errors become log lines: without a listener the first hiccup of the database
 * would end the process.
 */
export function openBoss(options: BossOptions): PgBoss {
  const { pool, schema, logger, instanceName, migrate, role, meterProvider, tracerProvider } = options;
  const isWorker = role === 'worker';
  const boss = new PgBoss({
    db: databaseOf(pool, migrate && !isWorker),
    schema,
    instanceName,
    migrate,
    clock: monotonicClock,
    schedule: isWorker,
    supervise: isWorker,
    registerInstance: isWorker,
    // Each slot is seen by about six passes, any one of which is enough.
    cronMonitorIntervalSeconds: 10,
    clockMonitorIntervalSeconds: 60,
    // What has to be soon is done when a look at the queues finds it (`queue-watch.ts`): each replica's rare passes are
    // for the rest. Such a look is not to be put off because another replica has passed lately.
    cronWorkerIntervalSeconds: 45,
    superviseIntervalSeconds: 300,
    monitorIntervalSeconds: 1,
    queueCacheIntervalSeconds: 300,
    // Flows are not used.
    flowIntervalSeconds: 3600,
    persistWarnings: true,
    warningRetentionDays: 30,
    openTelemetry: { ...(meterProvider && { meterProvider }), ...(tracerProvider && { tracerProvider }) },
  });
  boss.on(
    'error',
    errorBudget((err, omitted) => queueError(logger, { err, omitted })),
  );
  boss.on('warning', ({ message, data }) => queueWarning(logger, { warning: message, data }));
  return boss;
}

// Far more than pg-boss's statements take, and less than a replica may be silent without being noticed: a connection
// that is half-open, or a database that has frozen, holds up polling no longer than this.
const ANSWER_MS = 15_000;
// Its migrations and index builds take as long as they take. For locks they wait half a minute by a limit of their own.
const BUILDS = /\b(?:create|alter|reindex)\b/i;
const BEGIN = /^\s*BEGIN;/;
const WITHOUT_LIMITS = `BEGIN; SET LOCAL statement_timeout = 0; DO $$ BEGIN
  IF current_setting('server_version_num')::integer >= 170000 THEN
    PERFORM set_config('transaction_timeout', '0', true);
  END IF;
END $$;`;

function databaseOf(pool: QueuePool, isMigrating: boolean): Db {
  return {
    async executeSql(text, values) {
      const isPatient = isMigrating || BUILDS.test(text);
      return await pool.query({
        text: isPatient ? text.replace(BEGIN, () => WITHOUT_LIMITS) : text,
        ...(values && { values }),
        query_timeout: isPatient ? WITHOUT_LIMIT_MS : ANSWER_MS,
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
