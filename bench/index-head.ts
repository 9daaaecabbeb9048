/**
 * Each completion leaves a dead entry at the head of the index that an activation starts from. How much of them it has
 * to pass while an old transaction keeps them from being forgotten, and how the table's own vacuum settings keep them few.
 */
import pg from 'pg';
import { GUARDED } from './entries/bare-statements.ts';
import { addCompletedEntries, ownerOf } from './entries/completed.ts';
import { beginLostLogins, beginStaleEntries, countResults } from './entries/incomplete.ts';
import type { Benchmark, Row } from './harness/benchmark.ts';
import { sizesUpTo } from './harness/sizes.ts';
import { type Probe, probeActivation } from './index-head/probe.ts';
import { sustainedWrites } from './index-head/sustained-writes.ts';

const FULL = {
  sizes: [200_000, 2_000_000],
  completed: 2_000_000,
  perActivation: 60_000,
  activations: 6,
  vacuums: true,
};
const TINY = { sizes: [2000], completed: 5000, perActivation: 500, activations: 2, vacuums: false };

export const benchmark: Benchmark = {
  name: 'index-head',
  question: 'What do completed entries at the head of the index cost an activation?',
  async run({ tiny, largest, server, progress }) {
    const { sizes: all, completed, ...load } = tiny ? TINY : FULL;
    const sizes = sizesUpTo(largest, all);
    const sustained = { ...load, completed: Math.min(completed, largest) };
    const rows: Row[] = [];
    const counts = [];
    for (const size of sizes) {
      await using database = await server.createDatabase();
      const probes = await behindOldSnapshot(database.url, { size, progress });
      rows.push(...probes.map(({ when, buffers, ms }) => ({ 'completed entries': size, when, buffers, ms })));
      const { incomplete, timeout } = await countResults(database.pool);
      counts.push({ what: `${size} dead: left incomplete`, expected: 2, counted: incomplete });
      counts.push({ what: `${size} dead: closed`, expected: size, counted: timeout });
    }
    const hours = await sustainedWrites(server, { ...sustained, progress });
    const worst = (settings: string) =>
      Math.max(...hours.filter((row) => row.settings === settings).map(({ buffers }) => buffers));
    const least = worst('table') / worst('default');
    const cleared = rows.filter(({ when }) => when === 'after vacuum').map(({ buffers }) => Number(buffers));
    return {
      tables: [
        { title: 'An activation that finds two stale entries behind completed ones', rows },
        {
          title: 'Sustained writes: what each activation, one in ten minutes, reads',
          rows: hours.map((row) => ({ ...row })),
        },
      ],
      aims: [
        {
          aim: 'at most 100 buffers after vacuum, however many were completed',
          measured: Math.max(...cleared),
          reached: Math.max(...cleared) <= 100,
        },
        { aim: 'less to read at worst than under the default settings', measured: least, reached: least < 1 },
      ],
      counts,
      plot: {
        title: 'What an activation reads during sustained writes',
        width: 480,
        data: { values: hours },
        mark: { type: 'line', point: true },
        encoding: {
          x: { field: 'written', type: 'quantitative', title: 'entries written', scale: { zero: false, nice: false } },
          // Never none: a page of the index has to be read.
          y: { field: 'buffers', type: 'quantitative', scale: { type: 'log', nice: false }, title: 'buffers' },
          color: { field: 'settings', type: 'nominal', title: 'vacuum settings' },
        },
      },
      notes: [
        `${sustained.perActivation.toLocaleString('en')} entries between two activations are what 100 entries a second write in ten minutes, here without the waiting; the log holds ${sustained.completed.toLocaleString('en')} before. After every tenth of them, a vacuum that is due is waited for, as it would have had the time.`,
      ],
    };
  },
};

async function behindOldSnapshot(
  url: string,
  { size, progress }: { readonly size: number; readonly progress: (what: string) => void },
): Promise<readonly Probe[]> {
  await using owner = await ownerOf(url);
  await addCompletedEntries(url, { from: 0, to: 1000, progress });
  // Only what is measured may clear the index.
  await owner.query('alter table sealog.audit_log set (autovacuum_enabled = false)');
  const old = new pg.Client({ connectionString: url });
  await old.connect();
  await old.query('begin isolation level repeatable read; select from sealog.audit_log limit 1');
  progress(`completing ${size.toLocaleString('en')} entries beside an old snapshot`);
  await beginStaleEntries(owner, size);
  await owner.query(GUARDED, [new Date().toISOString(), size]);
  await beginLostLogins(owner);
  // Older than all that was completed would be found at once; in truth the oldest incomplete entry is the newest.
  await owner.query(
    `update sealog.audit_log set time_started = now() - interval '5 hours' where time_completed is null`,
  );
  const probe = (when: string) => probeActivation(owner, when);
  const probes = [await probe('old snapshot open'), await probe('old snapshot open, again')];
  await old.query('commit');
  await old.end();
  probes.push(await probe('snapshot gone'), await probe('snapshot gone, again'));
  progress(`vacuum of ${size.toLocaleString('en')}`);
  await owner.query('vacuum sealog.audit_log');
  probes.push(await probe('after vacuum'));
  return probes;
}
