import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresError } from '../../errors.ts';
import { DemoError } from './demo-error.ts';

export interface ThrowawayPostgres extends AsyncDisposable {
  readonly url: string;
}

const STOP_WITHIN_MS = 15_000;

/** An embedded PostgreSQL in a temporary folder. When it is disposed of, server and folder are gone. */
export async function startThrowawayPostgres(): Promise<ThrowawayPostgres> {
  // As in the composition root: a development tool, loaded by those who use it.
  const { joinEmbeddedPostgres } = await import('../../postgres/join.ts');
  const directory = await mkdtemp(join(tmpdir(), 'sealog-demo-'));
  // For root, whose server runs as another user.
  await chmod(directory, 0o711);
  const postgres = await joinEmbeddedPostgres({ directory, ephemeral: true }).catch(async (error: unknown) => {
    await rm(directory, { recursive: true, force: true });
    if (!(error instanceof EmbeddedPostgresError)) throw error;
    throw new DemoError(`the demo runs only on a PostgreSQL of its own, not on DATABASE_URL; ${error.message}`, {
      cause: error,
    });
  });
  return {
    url: postgres.url,
    async [Symbol.asyncDispose]() {
      await postgres[Symbol.asyncDispose]();
      const deadline = performance.now() + STOP_WITHIN_MS;
      // The server is stopped by a process of its own, which removes the folder last.
      while (existsSync(directory)) {
        if (performance.now() > deadline) throw new DemoError(`the PostgreSQL in ${directory} has not stopped in time`);
        await delay(20);
      }
    },
  };
}
