import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The wall clock of one process, as an offset from the true one: see clock-preload.ts. */
export interface ReplicaClock {
  readonly nodeFlags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What the process reads at its start and at each SIGUSR2. */
  set(offsetMs: number): void;
}

const PRELOAD = fileURLToPath(new URL('./clock-preload.ts', import.meta.url));

export function replicaClock(offsetMs: number): ReplicaClock {
  const file = join(tmpdir(), `sealog-clock-${randomUUID()}`);
  const set = (offset: number): void => writeFileSync(file, String(offset));
  set(offsetMs);
  return { nodeFlags: ['--import', PRELOAD], env: { SEALOG_TEST_CLOCK: file }, set };
}
