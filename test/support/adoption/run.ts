import type { CaseOf } from './case.ts';
import { type Answer, postJson } from './client.ts';

/** What came of a case. */
export interface Outcome {
  readonly answer: Answer;
  /** In the order in which they were done. */
  readonly effects: readonly string[];
}

/** A service that was started for a list of cases. */
export interface Running {
  readonly port: number;
  /** Returns when nothing of it is at work any more. */
  stop(): Promise<void>;
}

/** Where a case is served. */
export const pathOf = (index: number): string => `/cases/${index}/`;

const AT_A_TIME = 8;

/** Calls every case once, a few at a time, and returns what each did when all are done. */
export async function outcomesOf<Scope>(
  cases: readonly CaseOf<Scope>[],
  start: (effects: readonly string[][]) => Promise<Running>,
): Promise<Outcome[]> {
  const effects = cases.map((): string[] => []);
  const answers: Answer[] = [];
  const service = await start(effects);
  const waiting = [...cases.entries()];
  const call = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, { send = postJson }] = next;
      answers[index] = await send(service.port, pathOf(index));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, call));
  await service.stop();
  return cases.map(({ isConcurrent }, index) => {
    const own = effects[index]!;
    return { answer: answers[index]!, effects: isConcurrent ? own.toSorted() : own };
  });
}
