import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { type NodeProcess, spawnNode } from '../support/processes.ts';
import { PATIENCE_MS, waitUntil } from '../support/wait.ts';

// The demo must not care for the caller's database and settings, however wrong they are.
const FOREIGN = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing', SEALOG_QUEUE_SCHEMA: 'not an identifier' };

interface Demo extends AsyncDisposable {
  readonly process: NodeProcess;
  /** Where it keeps its temporary files. Every process that it starts has inherited this variable. */
  readonly folder: string;
}

async function startDemo(): Promise<Demo> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sealog-demo-test-'));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  // For root, whose PostgreSQL runs as another user.
  await chmod(folder, 0o711);
  const child = stack.use(await spawnNode(['src/bin.ts', 'demo'], { env: { ...FOREIGN, TMPDIR: folder } }));
  // Shorter than the tests' own limit, at which nobody would stop it.
  const limit = setTimeout(() => child.kill('SIGKILL'), 4 * PATIENCE_MS);
  stack.defer(() => clearTimeout(limit));
  const started = stack.move();
  return { process: child, folder, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** Command lines of all processes that mention `text` there or in their environment. */
async function processesThatMention(text: string): Promise<string[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await promisify(execFile)('ps', ['-axEww', '-o', 'command']);
    return stdout.split('\n').filter((line) => line.includes(text));
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // A process may end while we look.
      const files = ['cmdline', 'environ'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => ''));
      const [commandLine = '', environment = ''] = await Promise.all(files);
      return `${commandLine}${environment}`.includes(text) ? [commandLine.replaceAll('\0', ' ')] : [];
    }),
  );
  return found.flat();
}

describe('sealog demo', () => {
  test('shows lost entries, the one warning, the job and its outcome, and ends by itself', async () => {
    await using demo = await startDemo();
    const exit = await demo.process.exited;
    const { stdout, stderr } = demo.process;
    expect({ ...exit, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    // The entries before and after.
    expect(stdout.match(/snapshot_create .* incomplete /g)).toHaveLength(4);
    expect(stdout.match(/snapshot_create .* unknown /g)).toHaveLength(4);
    expect(stdout.match(/disk_create .* success +201$/gm)).toHaveLength(2 * 2);
    expect(stdout.match(/disk_delete .* error +404$/gm)).toHaveLength(2 * 1);
    // The warning, whose it is, and the job of the same worker.
    expect(stdout.match(/"level":/g)).toHaveLength(1);
    const [, winner] = /(worker-[123]) came first/.exec(stdout) ?? [];
    expect(stdout).toMatch(new RegExp(`^ +${winner} +\\d+ +\\d+ +4$`, 'm'));
    const json = /^ +(\{"level":40[^]+?\})\n\n/m.exec(stdout)?.[1] ?? '';
    expect(JSON.parse(json)).toMatchObject({ event: 'audit-timeout.activation', by: winner, timedOut: 4 });
    expect(stdout).toMatch(new RegExp(`completed .* ${winner} +startup +4$`, 'm'));
    // Two more that do nothing, and what to try.
    expect(stdout.match(/ worker-[123] +manual +0$/gm)).toHaveLength(2);
    expect(stdout).toMatch(/^Next\n +npm start /m);
    // Not a terminal, so no colour.
    expect(stdout).not.toContain('\u001B');
    expect(await processesThatMention(demo.folder)).toEqual([]);
    expect(await readdir(demo.folder)).toEqual([]);
  });

  test('leaves nothing behind when it is interrupted', async () => {
    await using demo = await startDemo();
    const replicas = async () => {
      return (await processesThatMention(demo.folder)).filter((commandLine) => commandLine.includes('bin.ts worker'));
    };
    await waitUntil('three workers', async () => (await replicas()).length === 3);
    expect(await processesThatMention(demo.folder)).toContainEqual(expect.stringMatching(/postgres.* -D/));
    demo.process.kill('SIGINT');
    expect(await demo.process.exited).toEqual({ code: 1, signal: null });
    expect(demo.process.stderr).toMatch(/^sealog: the demo was ended by SIGINT; .+\n$/);
    expect(await processesThatMention(demo.folder)).toEqual([]);
    expect(await readdir(demo.folder)).toEqual([]);
  });

  test('says in one line why it cannot run as an installed package', async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'sealog-installed-'));
    stack.defer(() => rm(folder, { recursive: true }));
    for (const part of ['src', 'config', 'migrations', 'package.json']) {
      await cp(part, join(folder, part), { recursive: true });
    }
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    await using demo = await spawnNode(['src/bin.ts', 'demo'], { cwd: folder });
    expect(await demo.exited).toEqual({ code: 1, signal: null });
    expect(demo.stderr).toMatch(/^sealog: the demo needs the example service, which only a checkout has: .+\n$/);
    expect(demo.stdout).toBe('');
  });
});
