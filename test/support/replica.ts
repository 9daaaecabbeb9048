import { setTimeout as delay } from 'node:timers/promises';
import { loadSettings } from '../../src/config/load-settings.ts';
import type { Settings } from '../../src/config/settings.ts';
import { auditLogDatabase, type MigratableDatabase } from '../../src/store/database.ts';
import { openPool } from '../../src/store/open-pool.ts';
import { lastActivations, type RecordedActivation } from '../../src/worker/activation-history.ts';
import { type QueueConnection, withClient } from '../../src/worker/boss.ts';
import { queuePool } from '../../src/worker/queue-pool.ts';
import { requestActivation } from '../../src/worker/request-activation.ts';
import { startWorker, type Worker } from '../../src/worker/start-worker.ts';
import type { Timings } from '../../src/worker/timings.ts';
import { EAGER_TIMINGS } from './fast-time.ts';
import { quietSchedule } from './quiet-schedule.ts';
import { recordingLogger, type RecordingLogger } from './recording-logger.ts';

/** A worker in this process, over real pg-boss, whose log lines the test reads. */
export interface TestReplica extends AsyncDisposable {
  readonly settings: Settings;
  readonly database: MigratableDatabase;
  readonly logger: RecordingLogger;
  readonly queue: QueueConnection;
  readonly worker: Worker;
  /** The activation at start-up, when it has completed. */
  startup(): Promise<RecordedActivation>;
  activate(): Promise<RecordedActivation>;
}

export type ReplicaOptions = Readonly<Record<string, string>>;

/**
 * Starts a replica on a database; `environment` sets what differs from the settings of config/test.json. No slot comes unless
 * it says so.
 */
export async function startReplica(
  url: string,
  environment: ReplicaOptions = {},
  timings: Timings = EAGER_TIMINGS,
): Promise<TestReplica> {
  const { settings } = loadSettings({
    env: { NODE_ENV: 'test', DATABASE_URL: url, SEALOG_AUDIT_TIMEOUT_SCHEDULE: quietSchedule(), ...environment },
  });
  const logger = recordingLogger();
  const pool = openPool({ connectionString: url, max: 4, applicationName: 'replica', onError: () => {} });
  const database = auditLogDatabase(pool, settings.database.schema);
  const queue = {
    pool: queuePool(pool),
    schema: settings.queue.schema,
    auditLogSchema: settings.database.schema,
    logger,
    instanceName: settings.instance.name,
  };
  const worker = await startWorker({ queue, database, settings, logger, timings }).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  return {
    settings,
    database,
    logger,
    queue,
    worker,
    startup: async () =>
      await withClient(queue, async (boss) => {
        for (;;) {
          const activations = await lastActivations(boss, { job: 'audit-timeout', schema: queue.schema, limit: 20 });
          const found = activations.find(({ outcome }) => outcome?.['trigger'] === 'startup');
          if (found) return found;
          await delay(20);
        }
      }),
    activate: () => requestActivation(queue, { job: 'audit-timeout', waitSeconds: 30 }),
    async [Symbol.asyncDispose]() {
      await worker.stop({ graceSeconds: 10 });
      await pool.end();
    },
  };
}
