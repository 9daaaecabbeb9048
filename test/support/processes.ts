import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { PATIENCE_MS } from './wait.ts';

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type NodeProcess = {
  readonly pid: number;
  /** Everything written so far; complete once `exited` is settled. */
  readonly stdout: string;
  readonly stderr: string;
  /** Settles when the process has ended and its output has been read. */
  readonly exited: Promise<Exit>;
  /** The lines of both streams so far, as they arrived. */
  lines(): readonly string[];
  /**
   * The first line, of the past or to come, that `matches`. Throws with the last output after `timeoutMs` (`PATIENCE_MS`), or
   * as soon as the process has ended without such a line.
   */
  waitForLine(matches: (line: string) => boolean, timeoutMs?: number): Promise<string>;
  /** The same for the first JSON log line whose field `event` is `event`: its fields. */
  waitForEvent(event: string, timeoutMs?: number): Promise<Readonly<Record<string, unknown>>>;
  /** Does nothing if the process has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Kills the process if it still runs, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
};

export type SpawnOptions = {
  /** On top of our own environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
};

/** Runs Node with `args` as a child process. */
export async function spawnNode(args: readonly string[], options: SpawnOptions = {}): Promise<NodeProcess> {
  const child = spawn(process.execPath, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  const lines: string[] = [];
  const changes = new EventEmitter().setMaxListeners(0);
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => (output[name] += chunk));
    createInterface({ input: child[name] }).on('line', (line) => {
      lines.push(line);
      changes.emit('change');
    });
  }
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      exit = { code, signal };
      changes.emit('change');
      resolve(exit);
    });
  });
  await once(child, 'spawn');

  const waitForLine = async (matches: (line: string) => boolean, timeoutMs = PATIENCE_MS): Promise<string> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    for (let next = 0; ; next++) {
      while (next >= lines.length) {
        if (exit) throw new Error(`ended (${JSON.stringify(exit)}) without the line; ${tail(lines)}`);
        await once(changes, 'change', { signal: timeout }).catch(() => {
          throw new Error(`no such line within ${timeoutMs} ms; ${tail(lines)}`);
        });
      }
      const line = lines[next];
      if (line !== undefined && matches(line)) return line;
    }
  };

  return {
    pid: child.pid ?? 0,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    exited,
    lines: () => lines,
    waitForLine,
    async waitForEvent(event, timeoutMs) {
      return fields(await waitForLine((line) => fields(line)['event'] === event, timeoutMs));
    },
    kill(signal) {
      child.kill(signal);
    },
    async [Symbol.asyncDispose]() {
      if (!exit) child.kill('SIGKILL');
      await exited;
    },
  };
}

/** The fields of a JSON log line; none for any other line. */
function fields(line: string): Readonly<Record<string, unknown>> {
  if (!line.startsWith('{')) return {};
  try {
    const parsed: Record<string, unknown> = JSON.parse(line);
    return parsed;
  } catch {
    return {};
  }
}

function tail(lines: readonly string[]): string {
  return `the last output:\n${lines.slice(-20).join('\n')}`;
}
