import { performance } from 'node:perf_hooks';
import type { Clock } from 'pg-boss';

/**
 * Every time of the fleet. What they add up to is a promise: another replica takes over a lost activation within 30 s
 * (`test/unit/timings.test.ts` does the sum; docs/decisions/0011 says why). They are passed to what uses them, so that
 * tests run the same fleet faster.
 */
const TIMES = {
  /** How often a replica polls the queues, with one statement (`queue-watch.ts`). */
  pollMs: 5000,
  /** How soon it polls again when a slot waits to be forwarded: by then it has become an activation. */
  pollSoonMs: 500,
  /** Longer than pg-boss takes to forward a slot, and to make up for those that nobody saw, after a take-over too. */
  slotPatienceMs: 40_000,
  /** The same behind an activation that failed for good, after a minute of attempts: its reason may have passed. */
  failedSlotPatienceMs: 300_000,
  /** How often a replica reports what it was configured with, and seals: readers on a standby see no further. */
  checkInMs: 20_000,
  /** One check-in in so many removes schedules that nobody needs: every ten minutes. */
  checkInsPerCleanUp: 30,
  /** A replica that has not checked in for so long is gone. */
  goneSeconds: 120,
  /** A replica is alive while no more of pg-boss's beats than that are missing in a row: pg-boss's own rule. */
  quietBeats: 3,
  /** For how long a replica that went silent is shown as lost: then it was seen, and replaced. */
  lostMinutes: 15,
  /** An activation is overdue when so many slots in a row have passed without one. */
  overdueSlots: 3,
  /** Whoever holds a lock of pg-boss for so long is named by `sealog status`. pg-boss holds them for milliseconds. */
  heldSeconds: 10,
  /** How often `sealog activate` polls the activation that it waits for. */
  activationPollMs: 200,
  /** The same error is logged once in so long. */
  errorRepeatMs: 60_000,
  /** A server that fails over or reloads its rules may refuse a login for a moment. After so long, a replica ends. */
  refusedMs: 60_000,
  /**
   * How long an answer to pg-boss may take: far more than its statements need, and less than a replica may be silent
   * without being noticed. A half-open connection or a frozen database holds up polling no longer than this.
   */
  answerMs: 15_000,
  /** How long an answer to any other statement of a worker may take: more than one of an activation may need. */
  queryMs: 65_000,
  /** How often the connections are new. A role that may log in no more is found out by that. */
  connectionLifetimeSeconds: 300,
  /** `/healthz` fails when no queue was polled for so long. A poll takes `queryMs` at most, an activation its own limit. */
  pollOverdueMs: 150_000,
  /** For how long the outcome of a lost COMMIT is asked for. Less than an activation may take. */
  uncertainMs: 100_000,
  uncertainPollMs: 1000,

  /**
   * The limits of an activation's transaction. A replica that is paused or cut off holds its rows for half a heartbeat at
   * most: whoever takes over finds them free, instead of passing over them until the next slot.
   */
  transaction: {
    // Longer than the largest batch takes.
    statement_timeout: '60s',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '5s',
    // As long as a job may run: a limit of the role's could be shorter.
    transaction_timeout: '120s',
  },

  /** What pg-boss keeps with each activation, by the clock of the database. */
  queue: {
    // An attempt that was killed is tried again at once, and one that keeps failing less and less often, for more than a
    // minute in all: the next slot may be long after a lock on the table is gone.
    retryLimit: 5,
    retryDelay: 1,
    retryBackoff: true,
    retryDelayMax: 30,
    expireInSeconds: 120,
    heartbeatSeconds: 10,
    // Thirty days.
    deleteAfterSeconds: 2_592_000,
  },
  /** pg-boss's own poll of each queue. Rare, because a replica polls them itself. */
  workSeconds: 60,
  /** pg-boss's passes. What has to be soon is done when a replica's own poll finds it: these are for the rest. */
  boss: {
    // Each slot is seen by about six passes, any one of which is enough.
    cronMonitorIntervalSeconds: 10,
    clockMonitorIntervalSeconds: 60,
    cronWorkerIntervalSeconds: 45,
    superviseIntervalSeconds: 300,
    // A take-over must not wait because another replica has passed lately.
    monitorIntervalSeconds: 1,
    queueCacheIntervalSeconds: 300,
    // Flows are not used.
    flowIntervalSeconds: 3600,
    warningRetentionDays: 30,
  },
};

export type Timings = typeof TIMES & {
  /** pg-boss's own timers run by it. */
  readonly clock: Clock;
};

/**
 * As they are shipped. The clock never steps, so that a replica keeps its schedule when the clock of its host is set back
 * under it. Which minute it is comes from the database.
 */
export const TIMINGS: Timings = {
  ...TIMES,
  clock: {
    now: () => Math.round(performance.timeOrigin + performance.now()),
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
    setInterval: (run, ms) => setInterval(run, ms),
    clearInterval: (timer) => clearInterval(timer as NodeJS.Timeout),
  },
};
