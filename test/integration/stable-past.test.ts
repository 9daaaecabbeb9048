import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase } from '../support/database.ts';
import { chooseSeed } from '../support/stable-past/random.ts';
import { runStablePast, type StablePastRun } from '../support/stable-past/run.ts';

/** test/slow/stable-past.test.ts takes longer, `npm run soak:horizon` as long as one likes. */
const SECONDS = Number(process.env['SEALOG_TEST_STABLE_PAST_SECONDS'] ?? 5);
const seed = chooseSeed();

describe(`sixteen writers with late commits, killed and stopped under a clock that jumps (SEALOG_TEST_SEED=${seed})`, () => {
  let run: StablePastRun;
  beforeAll(async () => {
    await using database = await createDatabase();
    run = await runStablePast({ url: database.url, seconds: SECONDS, commits: 1000, seed, askAgain: 2000 });
  }, 120_000);
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
    expect(run.completed).toBeGreaterThan(1000);
    expect(run.pages).toBeGreaterThan(200);
    expect(run.load.tally.clockSteps).toBeGreaterThan(SECONDS);
    expect(run.load.tally.killed).toBeGreaterThan(SECONDS / 4);
    expect(run.load.tally.paused).toBeGreaterThan(0);
  });
});
