import Sequencer from '@jest/test-sequencer';

/**
 * Those that wait the longest, so that they begin first and the others fill the time. Jest knows how long each took the
 * last time, but in a fresh checkout there was none, and in the end a worker would wait for a minute alone.
 */
const LONGEST = [
  'e2e/worker',
  'e2e/database-faults',
  'e2e/rescue',
  'e2e/slots',
  'e2e/backlog',
  'e2e/locked-table',
  'integration/queue-watch',
  'integration/audit-timeout',
  'e2e/replica-clocks',
  'e2e/http-abuse',
  'integration/activation-outcomes',
  'e2e/start-up',
  'integration/schema-rules',
  'e2e/list-state',
  'e2e/list',
  'integration/migration-turn',
  'integration/model',
  'integration/standby',
];

const placeOf = ({ path }) => {
  const place = LONGEST.findIndex((name) => path.endsWith(`/${name}.test.ts`));
  return place === -1 ? LONGEST.length : place;
};

export default class LongestFirst extends Sequencer {
  sort(tests) {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is Jest's, and no array's
    return super.sort(tests).toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}
