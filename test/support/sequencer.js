import Sequencer from '@jest/test-sequencer';

/**
 * Those that wait the longest, so that they begin first and the others fill the time. Jest knows how long each took the
 * last time, but in a fresh checkout there was none, and in the end a worker would wait for a minute alone.
 */
const LONGEST = [
  'worker',
  'database-faults',
  'rescue',
  'slots',
  'backlog',
  'locked-table',
  'queue-watch',
  'audit-timeout',
  'replica-clocks',
  'http-abuse',
  'activation-outcomes',
  'start-up',
  'schema-rules',
  'list-state',
  'list',
  'migration-turn',
  'model',
  'standby',
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
