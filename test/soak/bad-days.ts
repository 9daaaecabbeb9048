/**
 * No connection left, a lock on the table for a minute, and a full disk (as root on Linux, which may mount one).
 * Run: node test/soak/bad-days.ts [--seed S]
 */
import { connectionsUsedUp, diskFull, lockedForAMinute } from '../support/faults/bad-days.ts';
import { experiment } from '../support/faults/experiment.ts';

await experiment('bad-days', async ({ history, seed }) => {
  const connections = await connectionsUsedUp(history, seed);
  history.record('connections', connections);
  const lock = await lockedForAMinute(history, seed);
  history.record('lock', lock);
  const disk = await diskFull(history, seed);
  history.record('disk', disk);
  const problems = [connections, lock, disk].flatMap((day) => day.problems);
  return { problems, connections, lock, disk };
});
