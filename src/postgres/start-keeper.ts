import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, stat } from 'node:fs/promises';
import { extname, join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbeddedPostgresError } from '../errors.ts';
import type { KeeperOptions } from './keeper-protocol.ts';

/** Sees to it that a keeper is on its way: one that we started, or the one that kept ours out. */
export type KeeperStarter = { ensure(): Promise<void> };

/** `ensure` throws EmbeddedPostgresError when the keeper that we started has failed before it could tell. */
export function startKeeper(options: KeeperOptions): KeeperStarter {
  const logFile = join(options.directory, 'keeper.log');
  let keeper: ChildProcess | undefined;
  return {
    async ensure() {
      if (keeper?.exitCode) {
        const log = await readFile(logFile, 'utf8').catch(() => '');
        throw new EmbeddedPostgresError(`the keeper failed; the end of ${logFile}:`, {
          log: log.trim().split('\n').slice(-20).join('\n'),
        });
      }
      const running = keeper !== undefined && keeper.exitCode === null && keeper.signalCode === null;
      if (!running) keeper = await spawnKeeper(options, logFile);
    },
  };
}

async function spawnKeeper(options: KeeperOptions, logFile: string): Promise<ChildProcess> {
  await using log = await open(logFile, 'a', 0o600);
  if (process.getuid?.() === 0) {
    const { uid, gid } = await stat(options.directory);
    await log.chown(uid, gid);
  }
  // Beside this file, which is TypeScript in a checkout and JavaScript in the package.
  const program = fileURLToPath(new URL(`./keeper${extname(fileURLToPath(import.meta.url))}`, import.meta.url));
  const keeper = spawn(process.execPath, [...nodeFlags(), program, JSON.stringify(options)], {
    cwd: parse(program).root,
    env: keeperEnvironment(),
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
    windowsHide: true,
  });
  keeper.unref();
  await once(keeper, 'spawn');
  return keeper;
}

function nodeFlags(): string[] {
  // Node 22.12 has SQLite, and the types in our source, behind flags.
  const flags = ['--experimental-sqlite', '--experimental-strip-types'];
  return ['--disable-warning=ExperimentalWarning', ...flags.filter((f) => process.allowedNodeEnvironmentFlags.has(f))];
}

/** Without the caller's NODE_OPTIONS (a debugger would stop the keeper) and PG… (another server's user and options). */
function keeperEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_OPTIONS$|PG)/.test(name)));
}
