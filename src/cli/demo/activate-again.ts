import { listRecentEntries, type RecentEntry } from '../../store/list-recent-entries.ts';
import type { Child } from './child.ts';
import { confirm } from './demo-error.ts';
import type { Narrator } from './narrator.ts';
import { BIN } from './programs.ts';
import { shortId } from './show-entries.ts';
import type { Stage } from './stage.ts';

/** Asks for two more activations with the command that people use, and shows that nothing changes any more. */
export async function activateAgain(
  stage: Stage,
  narrator: Narrator,
  { workers, entries }: { readonly workers: readonly Child[]; readonly entries: readonly RecentEntry[] },
): Promise<void> {
  narrator.step('Two more activations');
  narrator.say(
    'What is completed stays as it is, however often the job runs. Asked for with the command `sealog activate`:',
  );
  const rows: string[][] = [];
  for (const name of ['activate-1', 'activate-2']) {
    const command = await stage.start(name, [BIN, 'activate']);
    const outcome = JSON.parse(await command.result(stage.signal)) as Record<string, unknown>;
    confirm(outcome['timedOut'] === 0, 'an activation without effect', outcome['timedOut']);
    rows.push([
      shortId(String(outcome['id'])),
      String(outcome['by']),
      String(outcome['trigger']),
      String(outcome['timedOut']),
    ]);
  }
  narrator.table([['id', 'by', 'trigger', 'entries timed out'], ...rows]);
  const after = await listRecentEntries(stage.app.database, 100);
  confirm(JSON.stringify(after) === JSON.stringify(entries), 'the entries as they were', JSON.stringify(after));

  const codes = await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
  confirm(
    codes.every((code) => code === 0),
    'workers that end by themselves on SIGTERM',
    codes,
  );
}
