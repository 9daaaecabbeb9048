import { join } from 'node:path';
import { spawnNode } from '../../test/support/processes.ts';

const BIN = join(import.meta.dirname, '../../src/bin.ts');

/** Milliseconds from the start of the first activation to the log line of the last one, which is written after its commit. */
export async function drainByWorker(
  url: string,
  { limit, entries }: { readonly limit: number; readonly entries: number },
): Promise<number> {
  await using worker = await spawnNode([BIN, 'worker'], {
    env: {
      DATABASE_URL: url,
      SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: String(limit),
      SEALOG_HTTP_PORT: '0',
    },
  });
  let left = entries;
  let started = Number.NaN;
  const last = await worker.waitForLine((text) => {
    const line = activationOf(text);
    if (!line) return false;
    if (left === entries) started = Date.parse(line.time) - line.durationMs;
    left -= line.timedOut;
    return left <= 0;
  }, 120_000);
  worker.kill('SIGTERM');
  await worker.exited;
  return Date.parse(activationOf(last)!.time) - started;
}

interface Activation {
  readonly time: string;
  readonly durationMs: number;
  readonly timedOut: number;
}

function activationOf(text: string): Activation | undefined {
  if (!text.includes('"audit-timeout.activation"')) return undefined;
  const line: Activation = JSON.parse(text);
  return line;
}
