import type { HorizonHolder } from '../../store/read-horizon.ts';
import type { Replica } from '../../worker/queue-status.ts';
import type { Line } from '../lines.ts';
import { oneLine, printable } from '../printable.ts';
import { formatSeconds, formatTable } from '../table.ts';
import { lastFailure } from './last-failure.ts';
import { ago, counted } from './problems.ts';
import type { Status, ToldActivation } from './read-status.ts';

/** The most skipped entries that people are shown. */
const MOST_SKIPPED = 10;
const LABEL_WIDTH = 'incomplete'.length;

/** The status for people: at a glance first, then what it is made of. Ages are by the database's clock. */
export function formatStatus(status: Status): Line[] {
  return [
    ...headline(status),
    { text: '' },
    title(status.job),
    ...summary(status),
    ...section('last activations', activations(status), 'none yet'),
    ...section('replicas', replicas(status), 'none'),
    ...skipped(status),
  ];
}

function headline({ problems }: Status): Line[] {
  if (problems.length === 0) return [{ text: 'audit log: whole', format: ['bold', 'green'] }];
  return problems.map(({ message }, index) => ({
    text: `${index === 0 ? 'audit log: ' : '     also: '}${oneLine(message)}`,
    format: index === 0 ? ['bold', 'red'] : 'red',
    hang: 'audit log: '.length,
  }));
}

function summary(status: Status): Line[] {
  const { schedule, timezone, nextRun, readOn, scheduleDrift, incomplete, horizonHeldBy } = status;
  const next = nextRun
    ? `, next run in ${formatSeconds((nextRun.getTime() - readOn.getTime()) / 1000)} (${nextRun.toISOString()})`
    : '';
  const oldest = incomplete.oldestStarted;
  return [
    field('schedule', schedule ? `${schedule} (${timezone})${next}` : 'none'),
    ...scheduleDrift.map(({ name, cron, timezone: zone }) =>
      field('drift', `${name} is configured with ${cron} (${zone})`, 'yellow'),
    ),
    field('incomplete', `${incomplete.count}${oldest ? `, oldest started ${ago(new Date(oldest), readOn)}` : ''}`),
    field('stale', stale(status)),
    field('horizon', `${status.horizon}, ${formatSeconds(status.horizonLagSeconds)} ago`),
    ...(horizonHeldBy ? holder(horizonHeldBy) : []),
  ];
}

function stale({ stale: { count }, drain, lastActivations }: Status): string {
  if (drain.activations === 0 || lastFailure(lastActivations)) return String(count);
  const work = counted(drain.activations, 'activation', 'activations');
  return `${count}, ${work} to complete them${drain.seconds === null ? '' : `, in about ${formatSeconds(drain.seconds)}`}`;
}

/** Names the session, so that whoever reads it can find it, and tells how to end it. */
function holder({ pid, applicationName, userName, client, state, ageSeconds, endStatement }: HorizonHolder): Line[] {
  const session =
    pid === null
      ? 'a prepared transaction'
      : [
          `pid ${pid}`,
          applicationName && `"${applicationName}"`,
          userName && `user ${userName}`,
          client && `from ${client}`,
          state,
        ]
          .filter(Boolean)
          .join(', ');
  return [
    field('held by', `${session}; open for ${formatSeconds(ageSeconds)}`, 'yellow'),
    ...(endStatement ? [field('to end it', endStatement, 'yellow')] : []),
  ];
}

function activations({ lastActivations, readOn }: Status): Line[] {
  const rows = lastActivations.map((activation) => [
    activation.startedOn ? ago(activation.startedOn, readOn) : 'waiting',
    activation.by ?? '-',
    activation.trigger ?? '-',
    activation.state + (activation.retries > 0 ? ` (retry ${activation.retries})` : ''),
    did(activation),
    activation.durationMs === undefined ? '-' : `${activation.durationMs} ms`,
    activation.error ?? '',
  ]);
  const formats = lastActivations.map((activation) => formatOf(activation));
  return table(['started', 'by', 'trigger', 'state', 'timed out', 'took', 'error'], rows, formats);
}

function did({ timedOut, limitReached, skipped: refused = [] }: ToldActivation): string {
  if (timedOut === undefined) return '-';
  const notes = [limitReached && 'limit', refused.length > 0 && `${refused.length} skipped`].filter(Boolean);
  return notes.length === 0 ? String(timedOut) : `${timedOut} (${notes.join(', ')})`;
}

function formatOf({ state, skipped: refused, timedOut = 0 }: ToldActivation): Line['format'] {
  if (state === 'failed' || state === 'cancelled') return 'red';
  return timedOut > 0 || refused?.length || state === 'retry' ? 'yellow' : undefined;
}

function replicas({ replicas: alive, lostReplicas, readOn }: Status): Line[] {
  const row = ({ name, host, pid, version, startedOn, lastSeen }: Replica, now: string) => [
    name,
    host,
    String(pid),
    version,
    ago(startedOn, readOn),
    ago(lastSeen, readOn),
    now,
  ];
  return table(
    ['name', 'host', 'pid', 'pg-boss', 'started', 'last seen', 'now'],
    [
      ...alive.map((replica) => row(replica, replica.activeJob === null ? 'idle' : `runs ${replica.activeJob}`)),
      ...lostReplicas.map((replica) => row(replica, 'lost')),
    ],
    [...alive.map(() => undefined), ...lostReplicas.map(() => 'red' as const)],
  );
}

function skipped({ lastActivations }: Status): Line[] {
  const refused = lastActivations.find(({ state }) => state === 'completed')?.skipped ?? [];
  if (refused.length === 0) return [];
  const rows = refused.slice(0, MOST_SKIPPED).map(({ id, reason }) => [id, reason]);
  const rest = refused.length - rows.length;
  return [
    ...section('skipped by the last activation', table(['entry', 'reason'], rows, [])),
    ...(rest > 0 ? [{ text: `  and ${rest} more: --json tells them all` }] : []),
  ];
}

function title(text: string): Line {
  return { text, format: 'bold' };
}

function section(name: string, rows: Line[], nothing = ''): Line[] {
  return [{ text: '' }, title(name), ...(rows.length > 1 ? rows : [{ text: `  ${nothing}` }])];
}

function field(label: string, text: string, format?: Line['format']): Line {
  return { text: `  ${label.padEnd(LABEL_WIDTH)}  ${printable(text)}`, format, hang: LABEL_WIDTH + 4 };
}

/** The heading, and a line for each row. */
function table(heading: string[], rows: readonly string[][], formats: readonly Line['format'][]): Line[] {
  const lines = formatTable([heading, ...rows.map((cells) => cells.map(oneLine))]).split('\n');
  return lines.map((text, index) => ({ text: `  ${text}`, format: index === 0 ? 'dim' : formats[index - 1] }));
}
