import { auditTimeout } from './audit-timeout.ts';
import type { Job } from './job.ts';

/** Every job of the worker. What a new one needs beside its line here: docs/adding-a-job.md. */
export const JOBS: readonly Job[] = [auditTimeout];
