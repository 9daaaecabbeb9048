import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { chooseSeed } from '../support/stable-past/random.ts';
import { runStablePast, type StablePastRun } from '../support/stable-past/run.ts';

/** What makes the load one, and enough of it. `npm run soak:horizon` runs for as long as one likes. */
const ENOUGH = { commits: 500, pages: 100, clockSteps: 8, killed: 2, paused: 1 };
const seed = chooseSeed();

describe(`sixteen writers with late commits, killed and stopped under a clock that jumps (SEALOG_TEST_SEED=${seed})`, () => {
  let run: StablePastRun;
  beforeAll(async () => {
    await using database = await createDatabase();
    run = await runStablePast({ url: database.url, enough: ENOUGH, seed, askAgain: 2000 });
  });
  afterAll(() => {
    const { violations, naive, ...figures } = run;
    console.log(
      JSON.stringify({
        ...figures,
        violations: violations.length,
        naive: { ...naive, violations: naive.violations.length },
      }),
    );
  });

  test('nothing comes to lie, changes or goes at or before a horizon that was told, and no commit is missing', () => {
    expect(run.violations).toEqual([]);
  });

  test('a reader up to now loses entries under the same load, and the same checks find it', () => {
    expect(run.naive.lost).toBeGreaterThan(0);
    expect(run.naive.violations).not.toEqual([]);
  });

  test('the load was what it claims to be', () => {
    const { completed: commits, pages, load } = run;
    const done: Record<string, number> = { commits, pages, ...load.tally };
    for (const [what, least] of Object.entries(ENOUGH)) expect([what, done[what]! >= least]).toEqual([what, true]);
  });
});
