import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logger.ts';

const FILE_DESCRIPTORS = { stdout: 1, stderr: 2 } as const;

/**
 * The logger of the executable. Synchronous, so that the last line before an exit is not lost. A line that cannot be
 * written is: it must not keep the worker from its work.
 */
export function createLogger({ level, format }: Settings['log'], to: keyof typeof FILE_DESCRIPTORS): Logger {
  const destination = FILE_DESCRIPTORS[to];
  const options = { level, timestamp: pino.stdTimeFunctions.isoTime };
  return format === 'json'
    ? pino(
        options,
        pino.destination({ dest: destination, sync: true }).on('error', () => {}),
      )
    : pino(options, pretty({ destination, sync: true, ignore: 'pid,hostname' }));
}
