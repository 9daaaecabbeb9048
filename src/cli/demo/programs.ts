import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../config/environment.ts';
import { DemoError } from './demo-error.ts';

/** The executable that runs now: `src/bin.ts` in a checkout, `dist/bin.js` when built. */
export const BIN: string = fileURLToPath(new URL(`../../bin${extname(import.meta.url)}`, import.meta.url));

const SERVICE = fileURLToPath(new URL('../../../examples/service/server.ts', import.meta.url));

/** What Node runs for the example service. Throws where there is none: the package holds no examples. */
export function serviceArguments(): readonly string[] {
  if (!existsSync(SERVICE)) {
    throw new DemoError(
      'the demo needs the example service, which only a checkout has: clone the repository, `npm ci`, `npm run demo`',
    );
  }
  return ['--conditions=@sealog/source', SERVICE];
}

/** Short, because nobody wants to wait for the real one, which is four hours. */
export const TIMEOUT_SECONDS = 2;

/**
 * The environment of all processes of the demo. Whatever the caller's has to say on databases and settings is left
 * out, so that the demo neither touches nor depends on it; so is a debugger, which would stop every process.
 */
export function demoEnvironment(databaseUrl: string): Environment {
  const foreign = /^(SEALOG_|PG|DATABASE_URL$|NODE_ENV$|NODE_OPTIONS$)/;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name))),
    DATABASE_URL: databaseUrl,
    SEALOG_DATABASE_SCHEMA: 'sealog',
    SEALOG_QUEUE_SCHEMA: 'pgboss',
    SEALOG_AUDIT_TIMEOUT_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
    SEALOG_LOG_LEVEL: 'debug',
    SEALOG_LOG_FORMAT: 'json',
    SEALOG_HTTP_HOST: '127.0.0.1',
    SEALOG_HTTP_PORT: '0',
    PORT: '0',
    // Longer than the service will live.
    SNAPSHOT_SECONDS: '60',
  };
}
