import type { Row } from '../harness/benchmark.ts';
import { inTurn, ratios, spread } from '../harness/measure.ts';
import type { Scene } from './load.ts';
import { runPhase } from './phase.ts';
import { SEALOG, UP_TO_NOW } from './protocols.ts';

export interface Audience {
  readonly rows: readonly Row[];
  /** The writers' rate beside followers up to the horizon, of that beside as many that ask for none. */
  readonly kept: number;
  /** The same beside readers that each seal. */
  readonly keptBesideSealers: number;
}

/** As `entries({ follow: true })` does: what anybody has sealed in the last half second is enough. */
const FOLLOWING = {
  ...SEALOG,
  horizon: `select sealog.audit_log_seal(sealog.audit_log_clock() - interval '500 ms')::text as horizon`,
};

/** What it costs writers that many read: beside none, and beside as many that read up to now and ask for no horizon. */
export async function besideReaders({ database, load, progress }: Scene): Promise<Audience> {
  const { lateWriters: writers, seconds, warmUpSeconds, readerRounds: rounds } = load;
  const { url, pool } = database;
  const naive = { ...UP_TO_NOW, page: SEALOG.page, count: SEALOG.count };
  const rateOf =
    (what: string, readers: number, readBy = SEALOG) =>
    async (round: number) => {
      progress(`${what}, round ${round + 1} of ${rounds}`);
      const scene = { url, pool, protocol: SEALOG, restMs: 200, late: false, seconds, warmUpSeconds };
      return (await runPhase({ ...scene, writers, readers, readBy })).rate;
    };
  const samples = await inTurn(
    {
      'no reader': rateOf('no reader', 0),
      'readers up to now': rateOf('readers up to now', load.readers, naive),
      'followers up to the horizon': rateOf('followers up to the horizon', load.readers, FOLLOWING),
      'readers that seal each time': rateOf('readers that seal each time', load.readers),
    },
    { rounds, warmUp: 0 },
  );
  const rows = Object.entries(samples).map(([readers, rates]) => {
    const of = spread(ratios(rates, samples['no reader']));
    const rate = Math.round(spread(rates).median);
    return { readers, 'completed/s': rate, 'of no reader': of.median, q1: of.q1, q3: of.q3 };
  });
  const keptBeside = (readers: keyof typeof samples) =>
    spread(ratios(samples[readers], samples['readers up to now'])).median;
  return {
    rows,
    kept: keptBeside('followers up to the horizon'),
    keptBesideSealers: keptBeside('readers that seal each time'),
  };
}
