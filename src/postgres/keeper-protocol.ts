import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { systemErrorCode } from './system-error.ts';

/** What a process that finds no keeper tells the one it starts. */
export type KeeperOptions = {
  readonly directory: string;
  readonly ephemeral: boolean;
  readonly settings: Readonly<Record<string, string>>;
};

/** Where the keeper listens on 127.0.0.1, and the line by which a member shows that it may read the directory. */
export type KeeperAddress = { readonly pid: number; readonly port: number; readonly token: string };

/** What a keeper writes to a member, one line of JSON each: `welcome` at once, one of the others when it knows. */
export type KeeperMessage =
  | { readonly kind: 'welcome' }
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'failed'; readonly problem: string; readonly log: string | undefined };

export async function publishKeeperAddress(directory: string, address: KeeperAddress): Promise<void> {
  const temporary = `${addressFile(directory)}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(address), { mode: 0o600 });
  await rename(temporary, addressFile(directory));
}

/** The address of the last keeper, alive or not. Undefined if there is none; throws if it is not for us to read. */
export async function readKeeperAddress(directory: string): Promise<KeeperAddress | undefined> {
  try {
    const address: KeeperAddress = JSON.parse(await readFile(addressFile(directory), 'utf8'));
    return address;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes the address, unless it is another keeper's by now. */
export async function withdrawKeeperAddress(directory: string, { token }: KeeperAddress): Promise<void> {
  const current = await readKeeperAddress(directory).catch(() => undefined);
  if (current?.token === token) await rm(addressFile(directory), { force: true });
}

/** Calls `onLine` for every whole line that arrives. */
export function readLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

function addressFile(directory: string): string {
  return join(directory, 'keeper.json');
}
