import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What `postmaster.pid` of a data folder says: a server that runs, or that was killed. Undefined without the file. */
export async function readPostmaster(dataDirectory: string): Promise<{ pid: number; port: number } | undefined> {
  const text = await readFile(pidFile(dataDirectory), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return pid > 0 && port > 0 ? { pid, port } : undefined;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Removes `postmaster.pid` if a killed server left it and its process id now belongs to another program (usual in
 * containers, and after a reboot): PostgreSQL would refuse to start for as long as that program lives.
 */
export async function removeForeignPidFile(dataDirectory: string): Promise<void> {
  const running = await readPostmaster(dataDirectory);
  if (!running || !isAlive(running.pid)) return;
  const command = await commandLine(running.pid);
  // Without evidence the file stays: two servers on one data folder would destroy it.
  if (command && !command.includes(dataDirectory)) await rm(pidFile(dataDirectory), { force: true });
}

async function commandLine(pid: number): Promise<string | undefined> {
  const proc = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (proc !== undefined) return proc;
  return await promisify(execFile)('ps', ['-o', 'command=', '-ww', '-p', String(pid)]).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}

function pidFile(dataDirectory: string): string {
  return join(dataDirectory, 'postmaster.pid');
}
