import Sequencer from '@jest/test-sequencer';

/**
 * Those that wait the longest, so that they begin first and the others fill the time. Jest knows how long each took the
 * last time, but in a fresh checkout there was none, and in the end a worker would wait for a minute alone.
 */
const LONGEST = [
  'e2e/database-faults',
  'integration/clock-set-back',
  'integration/standby',
  'e2e/list',
  'e2e/worker',
  'integration/migration-turn',
  'integration/schema-rules',
  'e2e/probes',
  'e2e/list-state',
  'e2e/traces',
  'e2e/rescue',
  'integration/session-settings',
  'e2e/slots',
  'e2e/start-up',
  'e2e/poison',
  'e2e/tls',
  'integration/activation-view',
  'e2e/canary',
  'integration/queue-watch',
  'integration/held-queue',
  'e2e/refused',
  'e2e/replica-clocks',
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
