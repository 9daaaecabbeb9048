import type { BenchServer } from '../harness/server.ts';
import { type Contestant, startReplica } from '../idle/contestants.ts';
import { processCost } from '../idle/process-cost.ts';
import { countStatements } from '../idle/statement-counter.ts';
import type { Moment } from './steps.ts';

/** A replica on a database in which all that it installs is there already. */
export interface Starts extends AsyncDisposable {
  /** A fresh process, when it says that it is ready. */
  ready(): Promise<Moment>;
  /** How many statements it sends until then. */
  statements(): Promise<number>;
}

// Of no slot, so that nobody has anything to do.
const AT = { name: 'replica', schedule: '0 0 1 1 *' };

export async function openStarts(server: BenchServer, contestant: Contestant): Promise<Starts> {
  const database = await server.createDatabase({ empty: contestant.name !== 'sealog' });
  const start = async (url: string): Promise<Moment> => {
    const { process: child, readyMs } = await startReplica(contestant, { ...AT, url });
    await using replica = child;
    return { step: 'ready', ms: readyMs, residentMiB: (await processCost(replica.pid)).residentMiB };
  };
  await start(database.url);
  return {
    ready: () => start(database.url),
    async statements() {
      await using counter = await countStatements(database.url);
      await start(counter.url);
      return counter.statements();
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
