import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS } from '../wait.ts';

export interface Shell extends AsyncDisposable {
  /** Runs commands as a reader of a document would, in a checkout of their own. Throws with what they printed. */
  run(commands: string): Promise<string>;
}

export interface ShellOptions {
  readonly root: URL;
  readonly env: Readonly<Record<string, string>>;
  /** Programs that a document leaves to its reader, by name: the shell script that stands for one. */
  readonly programs?: Readonly<Record<string, string>>;
}

const CHECKOUT = ['src', 'config', 'migrations', 'deploy', 'examples', 'package.json'];

/** A copy of what is needed to run, with `sealog` on the path, and programs that stop when they are ready. */
export async function openShell({ root, env, programs = {} }: ShellOptions): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), 'sealog-documents-'));
  const bin = join(folder, '.bin');
  for (const name of CHECKOUT) await cp(new URL(name, root), join(folder, name), { recursive: true });
  const modules = fileURLToPath(new URL('node_modules', root));
  await symlink(modules, join(folder, 'node_modules'));
  const sealog = `exec ${process.execPath} ${join(folder, 'src/bin.ts')} "$@"`;
  await cp(new URL('../documentation', import.meta.url), bin, { recursive: true });
  for (const [name, script] of Object.entries({ sealog, ...programs })) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const environment = {
    ...process.env,
    // Most of what a command takes is reading the same modules again.
    NODE_COMPILE_CACHE: join(folder, '.compiled'),
    // What a document would install is not what is tested here.
    npm_config_offline: 'true',
    NODE_OPTIONS: `--import=${join(bin, 'stop-when-ready.js')}`,
    PATH: [bin, join(modules, '.bin'), process.env['PATH']].join(':'),
    ...env,
  };
  return {
    run: (commands) => runBounded(commands, folder, environment),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function runBounded(commands: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  // A group of its own, so that nothing which a document starts outlives its test.
  const child = spawn('bash', ['-euo', 'pipefail', '-c', commands], { cwd, env, detached: true, stdio: 'pipe' });
  child.stdin.end();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const timer = setTimeout(() => killGroup(child.pid), PATIENCE_MS);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  killGroup(child.pid);
  if (code !== 0) throw new Error(`ended with ${code ?? `a signal, after ${PATIENCE_MS} ms at most`}:\n${output}`);
  return output;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Everything in it has ended.
  }
}
