import { auditTimeout } from './audit-timeout.ts';
import type { Job } from './job.ts';

/** Every job of the worker. A new one is added here and nowhere else. */
export const JOBS: readonly Job[] = [auditTimeout];
