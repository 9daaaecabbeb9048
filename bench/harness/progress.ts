import { performance } from 'node:perf_hooks';

export interface Progress extends Disposable {
  readonly say: (what: string) => void;
  readonly end: () => void;
}

/** One line on stderr that tells what goes on and for how long: rewritten in a terminal, appended elsewhere. */
export function progressLine(name: string): Progress {
  const started = performance.now();
  const { stderr } = process;
  const say = (what: string): void => {
    const line = `${name} ${Math.round((performance.now() - started) / 1000)} s: ${what}`;
    stderr.write(stderr.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  };
  const end = (): void => void (stderr.isTTY && stderr.write('\r\u001b[2K'));
  return { say, end, [Symbol.dispose]: end };
}
