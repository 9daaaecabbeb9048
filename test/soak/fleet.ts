/**
 * A fleet under random faults, checked against everything that services and readers saw.
 * Run: npm run soak -- [--minutes 5] [--seed S]
 */
import { experiment } from '../support/faults/experiment.ts';
import { soakFleet } from '../support/faults/fleet-soak.ts';

await experiment('fleet', async ({ minutes = 5, ...options }) => await soakFleet({ minutes, ...options }));
