import type { App } from '../app.ts';
import { httpStarted, metricsError } from '../worker/events.ts';
import { fleetMetrics } from '../http/fleet-metrics.ts';
import { type Check, healthRoute } from '../http/health.ts';
import { logMetrics } from '../http/log-metrics.ts';
import type { Prometheus } from '../http/prometheus.ts';
import { startHttpServer } from '../http/server.ts';
import { JOBS } from '../jobs/jobs.ts';
import { readRulesState } from '../store/migrated-rules.ts';
import { checkSchema } from '../store/migrate.ts';
import { errorBudget } from '../worker/error-budget.ts';
import type { Worker } from '../worker/start-worker.ts';
import { rulesOff } from './status/problems.ts';

export interface ProbeOptions {
  /** Aborted when the replica drains. */
  readonly signal: AbortSignal;
  readonly prometheus: Prometheus;
  /** Undefined while it waits for its database. */
  readonly worker: () => Worker | undefined;
}

/**
 * Serves `/healthz` (the process works: restart it when not), `/readyz` (it does its work: the reasons when not) and
 * `/metrics` of one replica, from its start to its end.
 */
export async function serveProbes(app: App, options: ProbeOptions): Promise<AsyncDisposable> {
  const { settings, logger, database, queue, timings } = app;
  const { signal, prometheus, worker } = options;
  const meter = prometheus.meterProvider.getMeter('sealog');
  const onError = errorBudget((err, omitted) => metricsError(logger, { err, omitted }), timings);
  logMetrics(meter, app, onError);
  fleetMetrics(meter, {
    queue,
    schedules: new Map(JOBS.map((job) => [job.name, job.schedule(settings)])),
    onError,
  });

  const polls: Check = () => {
    const sincePolledMs = worker()?.sincePolledMs() ?? 0;
    if (sincePolledMs > timings.pollOverdueMs) throw new Error(`no queue was polled for ${sincePolledMs} ms`);
  };
  const serves: Check = () => {
    if (signal.aborted) throw new Error('it is stopping');
    if (!worker()) throw new Error('it is waiting for its database');
  };
  const rules: Check = async () => {
    const state = await readRulesState(database);
    const problem = state.unread ?? rulesOff(state);
    if (problem !== undefined) throw new Error(problem);
  };
  const { host, port } = settings.http;
  const server = await startHttpServer({
    host,
    port,
    logger,
    routes: new Map([
      ['/healthz', healthRoute({ polls })],
      [
        '/readyz',
        healthRoute({
          serves,
          schema: () => checkSchema(database),
          rules,
          work: () => worker()?.checkWork(),
          schedule: () => worker()?.checkSchedules(),
        }),
      ],
      ['/metrics', prometheus.route],
    ]),
  });
  httpStarted(logger, { host, port: server.port });
  return server;
}
