import type { HorizonHolder } from '../store/read-horizon.ts';
import type { Status } from './read-status.ts';
import { formatSeconds, formatTable, indent } from './table.ts';

/** The status for people. `now` is only for ages. */
export function formatStatus(status: Status, now: Date): string {
  return [
    status.job,
    indent(formatTable(summary(status, now))),
    '',
    'last activations',
    indent(status.lastActivations.length > 0 ? formatTable(activations(status, now)) : 'none yet'),
    '',
    'replicas',
    indent(status.replicas.length > 0 ? formatTable(replicas(status, now)) : 'none alive: no worker is running'),
  ].join('\n');
}

function summary(status: Status, now: Date): string[][] {
  const { schedule, timezone, nextRun, scheduleDrift, incomplete, stale, horizonHeldBy } = status;
  const next = nextRun ? `, next run in ${formatSeconds(secondsBetween(now, nextRun))} (${nextRun.toISOString()})` : '';
  const oldest = incomplete.oldestStarted;
  return [
    ['schedule', schedule ? `${schedule} (${timezone})${next}` : 'none: no worker has installed it yet'],
    ...scheduleDrift.map((drift) => ['drift', `${drift.name} is configured with ${drift.cron} (${drift.timezone})`]),
    ['incomplete', `${incomplete.count}${oldest ? `, oldest started ${ago(new Date(oldest), now)}` : ''}`],
    ['stale', String(stale.count)],
    ['horizon', `${status.horizon}, ${formatSeconds(status.horizonLagSeconds)} ago`],
    ...(horizonHeldBy ? [['held by', describeHolder(horizonHeldBy)]] : []),
  ];
}

/** Names the session, so that whoever reads it can find and end it. */
function describeHolder({ pid, applicationName, state, ageSeconds }: HorizonHolder): string {
  const session =
    pid === null
      ? 'a prepared transaction (see pg_prepared_xacts)'
      : [`pid ${pid}`, applicationName && `"${applicationName}"`, state].filter(Boolean).join(', ');
  return `${session}: its transaction is open for ${formatSeconds(ageSeconds)}`;
}

function activations({ lastActivations }: Status, now: Date): string[][] {
  const rows = lastActivations.map((activation) => [
    activation.startedOn ? ago(activation.startedOn, now) : 'waiting',
    activation.by ?? '-',
    activation.trigger ?? '-',
    activation.state + (activation.retries > 0 ? ` (retry ${activation.retries})` : ''),
    activation.timedOut === undefined ? '-' : `${activation.timedOut}${activation.limitReached ? ' (limit)' : ''}`,
    activation.durationMs === undefined ? '-' : `${activation.durationMs} ms`,
    activation.error ?? '',
  ]);
  return [['started', 'by', 'trigger', 'state', 'timed out', 'took', 'error'], ...rows];
}

function replicas(status: Status, now: Date): string[][] {
  const rows = status.replicas.map(({ name, host, pid, startedOn, lastSeen }) => [
    name,
    host,
    String(pid),
    ago(startedOn, now),
    ago(lastSeen, now),
  ]);
  return [['name', 'host', 'pid', 'started', 'last seen'], ...rows];
}

function ago(instant: Date, now: Date): string {
  return `${formatSeconds(secondsBetween(instant, now))} ago`;
}

function secondsBetween(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 1000;
}
