/** Tells on stderr how far an export has come. */
export interface Progress {
  show(entries: number): void;
  clear(): void;
}

const FIRST_AFTER_MS = 1000;
const EVERY_MS = 250;
const ERASE_LINE = '\r\u001b[K';

/** One line, rewritten in place. Only for a person who watches while the entries themselves go elsewhere. */
export function progressLine({ stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'> = process): Progress {
  if (!stderr.isTTY || stdout.isTTY) return { show() {}, clear() {} };
  let due = performance.now() + FIRST_AFTER_MS;
  let shown = false;
  return {
    show(entries) {
      if (performance.now() < due) return;
      stderr.write(`${ERASE_LINE}${entries} entries`);
      shown = true;
      due = performance.now() + EVERY_MS;
    },
    clear() {
      if (shown) stderr.write(ERASE_LINE);
      shown = false;
    },
  };
}
