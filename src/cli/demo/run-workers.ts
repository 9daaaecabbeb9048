import { auditTimeout } from '../../jobs/audit-timeout.ts';
import { listRecentEntries, type RecentEntry } from '../../store/list-recent-entries.ts';
import type { RecordedActivation } from '../../worker/activation-history.ts';
import { readQueueStatus } from '../../worker/queue-status.ts';
import type { Child, LogLine } from './child.ts';
import type { Wreckage } from './crash-service.ts';
import { confirm } from './demo-error.ts';
import type { Narrator } from './narrator.ts';
import { BIN } from './programs.ts';
import { shortId, showEntries, timeOfDay } from './show-entries.ts';
import type { Stage } from './stage.ts';

const WORKERS = ['worker-1', 'worker-2', 'worker-3'];
// pino's number for `warn`.
const WARN = 40;

/** Starts three workers, lets them close what the crash left, and shows who did it. Returns them, still running. */
export async function runWorkers(
  stage: Stage,
  narrator: Narrator,
  { complete, lost }: Wreckage,
): Promise<{ readonly workers: readonly Child[]; readonly entries: readonly RecentEntry[] }> {
  narrator.step('Three workers start');
  narrator.say(
    'Each one asks for an activation of the audit-timeout job when it starts. pg-boss hands them out one at a time, to ' +
      'whichever worker comes first, and merges requests that are waiting together.',
  );
  const workers = await Promise.all(WORKERS.map((name) => stage.start(name, [BIN, 'worker'])));
  await stage.until(() => workers.every((worker) => worker.logged('worker.started').length > 0) || undefined, workers);
  const activations = await stage.until(() => settledActivations(stage, workers), workers);
  narrator.table(
    [['worker', 'process', 'activations', 'entries timed out'], ...workers.map(workerRow)],
    (row) => Number(row[3]) > 0,
  );
  const { warning, winner } = theOnlyWarning(workers, lost);
  narrator.say(`${winner} came first. This is the one warning that the operator gets, as ${winner} logged it:`);
  narrator.quoteJson(warning.text);

  narrator.step("The job in pg-boss's table");
  narrator.say(
    'Completing the entries and completing the job are one transaction: a worker that is killed in the middle has done ' +
      'nothing, and another one does it. The table pgboss.job:',
  );
  showJobs(narrator, activations, lost);

  narrator.step('The entries after');
  narrator.say(
    'The view sealog.audit_log_complete, which is what readers see. `unknown` is not a failure: the operation may have ' +
      'taken effect or not, and the audit log says honestly that nobody recorded which.',
  );
  const entries = await listRecentEntries(stage.app.database, 100);
  showEntries(narrator, entries, ({ result }) => result === 'unknown');
  confirmEntries(entries, { complete, lost });
  return { workers, entries };
}

/** All activations, oldest first, once none is waiting or running and each has been logged. */
async function settledActivations(
  stage: Stage,
  workers: readonly Child[],
): Promise<readonly RecordedActivation[] | undefined> {
  const job = auditTimeout.name;
  const { lastActivations } = await readQueueStatus(stage.app.queue, { job, activations: 100 });
  const settled = lastActivations.every(({ state }) => state === 'completed');
  const logged = workers.flatMap((worker) => activationLines(worker));
  return settled && logged.length >= lastActivations.length ? lastActivations.toReversed() : undefined;
}

export function activationLines(worker: Child): LogLine[] {
  return worker.logged(`${auditTimeout.name}.activation`);
}

function workerRow(worker: Child): string[] {
  const lines = activationLines(worker);
  const timedOut = lines.reduce((sum, { fields }) => sum + Number(fields['timedOut'] ?? 0), 0);
  return [worker.name, String(worker.pid), String(lines.length), lines.length > 0 ? String(timedOut) : '-'];
}

function theOnlyWarning(
  workers: readonly Child[],
  lost: readonly RecentEntry[],
): { readonly warning: LogLine; readonly winner: string } {
  const warnings = workers.flatMap((worker) => {
    const lines = activationLines(worker).filter(({ fields }) => Number(fields['level']) >= WARN);
    return lines.map((warning) => ({ warning, winner: worker.name }));
  });
  const [only] = warnings;
  confirm(only !== undefined && warnings.length === 1, 'one warning of all workers', warnings.length);
  const { fields } = only.warning;
  const ids = lost.map(({ id }) => id);
  confirm(String(fields['sampleIds']) === String(ids), 'a warning about the lost entries', only.warning.text);
  confirm(fields['timedOut'] === ids.length, `${ids.length} entries timed out`, fields['timedOut']);
  confirm(fields['by'] === only.winner, `a warning by ${only.winner}`, fields['by']);
  return only;
}

function showJobs(narrator: Narrator, activations: readonly RecordedActivation[], lost: readonly RecentEntry[]): void {
  const effective = activations.filter(({ outcome }) => outcome?.['timedOut'] !== 0);
  const heading = ['id', 'state', 'started_on', 'completed_on', 'output.by', '.trigger', '.timedOut'];
  const rows = activations.map(({ id, state, startedOn, completedOn, outcome }) => [
    shortId(id),
    state,
    startedOn ? timeOfDay(startedOn) : '-',
    completedOn ? timeOfDay(completedOn) : '-',
    ...['by', 'trigger', 'timedOut'].map((field) => String(outcome?.[field])),
  ]);
  narrator.table([heading, ...rows], (row) => row.at(-1) !== '0');
  confirm(effective.length === 1, 'one activation that did something', effective.length);
  const timedOut = effective[0]?.outcome?.['timedOut'];
  confirm(timedOut === lost.length, `${lost.length} entries timed out by it`, timedOut);
}

function confirmEntries(entries: readonly RecentEntry[], { complete, lost }: Wreckage): void {
  const expected = complete.length + lost.length;
  confirm(entries.length === expected, `${expected} entries, as before`, entries.length);
  for (const { id } of lost) {
    const result = entries.find((entry) => entry.id === id)?.result;
    confirm(result === 'unknown', `${id} to be unknown`, result);
  }
  for (const before of complete) {
    const after = entries.find((entry) => entry.id === before.id);
    confirm(JSON.stringify(after) === JSON.stringify(before), `${before.id} as it was`, JSON.stringify(after));
  }
}
