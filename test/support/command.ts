import { join } from 'node:path';

/** What a test has Node run as `sealog`, in a process of its own. */
export const sealogCommand: string = join(import.meta.dirname, '../../src/bin.ts');
