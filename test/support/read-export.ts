import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ChildProcess } from 'node:child_process';
import type { TcpProxy } from './tcp-proxy.ts';

export interface ReadExport {
  readonly exit: unknown;
  readonly lines: number;
  /** The most entries that it had from the database, through the proxy, and that its reader did not have yet. */
  readonly mostInHand: number;
}

/** Reads an export of entries that are all as long, one a line, until it ends. */
export async function readExport(child: ChildProcess & { stdout: Readable }, proxy: TcpProxy): Promise<ReadExport> {
  let lines = 0;
  const passed = [{ bytes: proxy.answered(), lines }];
  child.stdout.on('data', (chunk: Buffer) => {
    lines += chunk.toString('latin1').split('\n').length - 1;
    passed.push({ bytes: proxy.answered(), lines });
  });
  const exit: unknown = await once(child, 'close');
  const bytesPerEntry = proxy.answered() / lines;
  return { exit, lines, mostInHand: Math.max(...passed.map((then) => then.bytes / bytesPerEntry - then.lines)) };
}
