import { spawn } from 'node:child_process';
import { closeSync, fstatSync, fsync, openSync, readSync, write as writeTo } from 'node:fs';
import { promisify } from 'node:util';

/** Standard output, written at the pace of whoever reads it. */
export interface Output extends Disposable {
  /** Resolves when the reader has room for more. Rejects when there is no reader any more, or no space. */
  write(text: string): Promise<void>;
  /** Ends a line that an earlier run has left unfinished in a file, because it was killed. */
  beginLine(): Promise<void>;
  /** Resolves when a file has what was written on disk. What is in a pipe is its reader's. */
  sync(): Promise<void>;
  /** Aborts when the reader has gone. */
  readonly readerGone: AbortSignal;
}

/** With `watch`, a reader is missed even while nothing is written: see {@link watchReader}. */
export function openOutput({ watch }: { readonly watch: boolean }): Output {
  const gone = new AbortController();
  const fail = ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' || code === 'ECONNRESET') gone.abort('the reader has gone');
  };
  // Each failure reaches the one who wrote; a stream without a listener would end the process with it.
  process.stdout.on('error', fail);
  const { fd } = process.stdout;
  const target = fstatSync(fd);
  const watcher = watch && target.isFIFO() ? watchReader(gone) : undefined;
  let synced = Promise.resolve();
  const write = async (text: string): Promise<void> => {
    if (text === '') return;
    // Node takes a write for done that a full disk has cut short.
    if (target.isFile()) return await writeWhole(fd, Buffer.from(text));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    process.stdout.write(text, (error) => {
      if (!error) return resolve();
      fail(error);
      reject(error);
    });
    await promise;
  };
  return {
    readerGone: gone.signal,
    write,
    async beginLine() {
      if (target.isFile() && target.size > 0 && !endsLine(fd, target.size)) await write('\n');
    },
    async sync() {
      // The system tells a failure once, and then takes what was lost for written.
      if (target.isFile()) await (synced = synced.then(() => promisify(fsync)(fd)));
    },
    [Symbol.dispose]: () => void watcher?.kill(),
  };
}

/**
 * `sealog list --follow | head -1` should end with `head`, but Node tells that the reader of a pipe has gone only when
 * it writes, and until there is an entry there is nothing to write. GNU tail watches its output for just this, so one
 * that has nothing to say shares ours. It ends with this process too, however that ends. Where there is no such tail,
 * the next entry brings the end.
 */
function watchReader(gone: AbortController) {
  const args = ['--follow', '--sleep-interval=0.2', `--pid=${process.pid}`, '/dev/null'];
  const tail = spawn('tail', args, { stdio: ['ignore', 'inherit', 'ignore'] });
  tail.on('error', () => {});
  tail.on('exit', (_, signal) => {
    if (signal === 'SIGPIPE') gone.abort('the reader has gone');
  });
  return tail;
}

/** Where there is no room for the rest, the next write says so. */
async function writeWhole(fd: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await promisify(writeTo)(fd, bytes, at)).bytesWritten;
}

/** Whether a file that is open for writing ends with a line break. False where that cannot be read. */
function endsLine(fd: number, size: number): boolean {
  try {
    const reading = openSync(`/dev/fd/${fd}`, 'r');
    try {
      const last = Buffer.alloc(1);
      readSync(reading, last, 0, 1, size - 1);
      return last.toString() === '\n';
    } finally {
      closeSync(reading);
    }
  } catch {
    return false;
  }
}
