/**
 * A Fastify service under 200 requests a second for 30 s, killed with SIGKILL five times.
 * Run: npm run soak:service
 */
import { experiment } from '../support/faults/experiment.ts';
import { startFaultCluster } from '../support/faults/fault-cluster.ts';
import { runKilledService } from '../support/killed-service/run.ts';

await experiment('service', async ({ minutes = 0.5 }) => {
  await using cluster = await startFaultCluster();
  const run = { requests: minutes * 60 * 200, requestsPerSecond: 200, kills: 5 };
  return { ...run, ...(await runKilledService(cluster.url, cluster.pool, run)) };
});
