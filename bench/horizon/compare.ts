import type { Row } from '../harness/benchmark.ts';
import { inTurn, spread } from '../harness/measure.ts';
import type { Scene } from './load.ts';
import { type Phase, runPhase } from './phase.ts';
import type { Protocol } from './protocols.ts';

/** All protocols in turn, beside so many writers and one reader: how far behind it is, and what it is never shown. */
export async function compare(
  { database: { url, pool }, load, progress }: Scene,
  { writers, late }: { readonly writers: number; readonly late: boolean },
): Promise<readonly Row[]> {
  const { protocols, rounds, seconds, warmUpSeconds } = load;
  const phases = new Map<string, Phase[]>(protocols.map(({ name }) => [name, []]));
  const phaseOf = async (protocol: Protocol, round: number): Promise<number> => {
    progress(`${writers} writers${late ? ', some late' : ''}: ${protocol.name}, round ${round + 1} of ${rounds}`);
    const scene = { url, pool, readers: 1, restMs: 5, seconds, warmUpSeconds };
    const phase = await runPhase({ ...scene, protocol, writers, late });
    phases.get(protocol.name)!.push(phase);
    return phase.rate;
  };
  const contestants = protocols.map((protocol) => [protocol.name, (round: number) => phaseOf(protocol, round)]);
  await inTurn(Object.fromEntries(contestants), { rounds, warmUp: 0 });
  return [...phases].map(([protocol, all]) => rowOf({ writers, protocol }, all));
}

function rowOf(what: Row, phases: readonly Phase[]): Row {
  const sum = (count: 'committed' | 'lost' | 'seen') => phases.reduce((total, each) => total + each[count], 0);
  const lags = phases.flatMap((phase) => phase.lags);
  // A reader that stays behind may have read nothing yet.
  const lag = lags.length > 0 ? spread(lags) : undefined;
  const rate = spread(phases.map((phase) => phase.rate));
  return {
    ...what,
    'lag ms': lag?.median ?? null,
    'q1 ms': lag?.q1 ?? null,
    'q3 ms': lag?.q3 ?? null,
    'p99 ms': lag?.p99 ?? null,
    completed: sum('committed'),
    seen: sum('seen'),
    lost: sum('lost'),
    'completed/s': Math.round(rate.median),
    'least/s': Math.round(rate.min),
    'most/s': Math.round(rate.max),
  };
}
