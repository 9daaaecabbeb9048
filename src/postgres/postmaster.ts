import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemErrorCode } from './system-error.ts';

/** The server's main process. */
export type Postmaster = { readonly pid: number; readonly port: number };

/**
 * The postmaster that runs on a data folder, as `postmaster.pid` tells, or undefined.
 *
 * A killed server leaves that file behind. When its process id belongs to another program by now (usual in containers,
 * and after a reboot), or to a process that nobody has reaped, PostgreSQL would refuse to start; so the id is replaced
 * by ours: PostgreSQL knows that its parent is not a postmaster, and it still checks the killed server's memory.
 */
export async function findPostmaster(dataDirectory: string): Promise<Postmaster | undefined> {
  const file = join(dataDirectory, 'postmaster.pid');
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!(pid > 0 && port > 0)) return undefined;
  const command = await commandLine(pid);
  // Where processes cannot be looked at, a living one counts: two servers on one data folder would destroy it.
  if (command === undefined ? isAlive(pid) : command.includes(dataDirectory)) return { pid, port };
  if (command !== undefined) await writeFile(file, [process.pid, ...lines.slice(1)].join('\n'));
  return undefined;
}

/** Whether the process runs. A zombie does not: in a container often nobody reaps those whose parent was killed. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
  try {
    const [state] = /(?<=\) )[A-Z](?= [\d -]+\s*$)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return state !== 'Z' && state !== 'X';
  } catch {
    // No /proc on this system.
    return true;
  }
}

async function commandLine(pid: number): Promise<string | undefined> {
  const proc = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (proc !== undefined) return proc;
  return await promisify(execFile)('ps', ['-o', 'command=', '-ww', '-p', String(pid)]).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}
