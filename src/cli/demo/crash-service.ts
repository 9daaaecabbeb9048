import { listRecentEntries, type RecentEntry } from '../../store/list-recent-entries.ts';
import { readCutoff } from '../../store/read-cutoff.ts';
import { confirm } from './demo-error.ts';
import type { Narrator } from './narrator.ts';
import { serviceArguments, TIMEOUT_SECONDS } from './programs.ts';
import { showEntries } from './show-entries.ts';
import type { Stage } from './stage.ts';

interface Request {
  readonly user: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
}

const QUICK: readonly Request[] = [
  { user: 'alice', method: 'POST', path: '/disks' },
  { user: 'bob', method: 'POST', path: '/disks' },
  { user: 'bob', method: 'DELETE', path: '/disks/disk-2' },
  { user: 'bob', method: 'DELETE', path: '/disks/disk-3' },
  { user: 'carol', method: 'GET', path: '/disks' },
];
const QUICK_STATUSES = [201, 201, 204, 404, 200];

const SLOW: readonly Request[] = ['alice', 'bob', 'carol', 'dave'].map((user) => {
  return { user, method: 'POST', path: '/disks/disk-1/snapshots' };
});

/** What the crash left: the entries of the operations in flight are lost to the service, the others are complete. */
export interface Wreckage {
  readonly complete: readonly RecentEntry[];
  readonly lost: readonly RecentEntry[];
}

/** Starts the service, keeps it busy, kills it in the middle, and waits until what it left is stale. */
export async function crashService(stage: Stage, narrator: Narrator): Promise<Wreckage> {
  narrator.step('A service at work');
  const service = await stage.start('service', serviceArguments());
  const port = await stage.until(() => service.logged('service.listening')[0]?.fields['port'], [service]);
  narrator.say(
    `examples/service (process ${service.pid}, port ${String(port)}) begins an entry before each operation and ` +
      'completes it after. It gets five quick requests, then four slow ones at once:',
  );

  const send = async ({ user, method, path }: Request): Promise<number> => {
    const headers = { 'x-user': user };
    const response = await fetch(`http://127.0.0.1:${String(port)}${path}`, { method, headers, signal: stage.signal });
    await response.text();
    return response.status;
  };
  const statuses: number[] = [];
  for (const request of QUICK) statuses.push(await send(request));
  const inFlight = Promise.allSettled(SLOW.map(send));
  const entries = await stage.until(async () => {
    const begun = await listRecentEntries(stage.app.database, 100);
    return begun.filter(({ result }) => result === null).length === SLOW.length ? begun : undefined;
  }, [service]);
  narrator.table([
    ['who', 'request', 'answer'],
    ...QUICK.map((request, index) => requestRow(request, answerText(request, statuses[index] ?? 0))),
    ...SLOW.map((request) => requestRow(request, 'none yet: it takes a minute')),
  ]);

  narrator.step('The service is killed');
  await service.end('SIGKILL');
  const answers = await inFlight;
  const lost = entries.filter(({ result }) => result === null);
  const complete = entries.filter(({ result }) => result !== null);
  narrator.say(
    `SIGKILL, with ${lost.length} snapshots in flight. How they ended, nobody can say any more. But each one's entry ` +
      'was committed before it began, and is there. The table sealog.audit_log:',
  );
  showEntries(narrator, entries, ({ result }) => result === null);
  confirm(String(statuses) === String(QUICK_STATUSES), `the answers ${String(QUICK_STATUSES)}`, statuses);
  confirm(
    complete.map(({ httpStatusCode }) => httpStatusCode).join() === '201,201,204,404',
    'an entry for each quick request but GET, with the status that its client was told',
    complete.map(({ httpStatusCode }) => httpStatusCode).join(),
  );
  confirm(
    answers.every(({ status }) => status === 'rejected'),
    'no answer to a slow request',
    answers.map(({ status }) => status).join(),
  );

  narrator.say(
    'Readers see only completed entries, so these must not stay incomplete. They are stale when they are older than ' +
      `the timeout: ${TIMEOUT_SECONDS} seconds here, four hours by default.`,
  );
  await stage.until(async () => {
    const cutoff = await readCutoff(stage.app.database, TIMEOUT_SECONDS);
    // Text of one width, so it compares as time does.
    return lost.every(({ timeStarted }) => timeStarted < cutoff) || undefined;
  });
  return { complete, lost };
}

function requestRow({ user, method, path }: Request, answer: string): string[] {
  return [user, `${method} ${path}`, answer];
}

function answerText({ method }: Request, status: number): string {
  return method === 'GET' ? `${status} (only reads: not audited)` : String(status);
}
