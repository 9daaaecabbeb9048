import { type DestinationStream, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Settings } from './config/settings.ts';

type LogMethod = (fields: object, message: string) => void;

/** What sealog asks of a logger. pino's is one; so is the logger of a Fastify server or request. */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

const FILE_DESCRIPTORS = { stdout: 1, stderr: 2 } as const;

/** The logger of a service that gives none: JSON lines on stderr, from `warn` on. */
export function defaultLogger(): Logger {
  return pino({ name: 'sealog', level: 'warn' }, streamTo('stderr'));
}

/** The logger of the executable. Synchronous, so that the last line before an exit is not lost. */
export function createLogger({ level, format }: Settings['log'], to: keyof typeof FILE_DESCRIPTORS): Logger {
  const options = { level, timestamp: pino.stdTimeFunctions.isoTime };
  if (format === 'json') return pino(options, streamTo(to));
  return pino(options, pretty({ destination: FILE_DESCRIPTORS[to], sync: true, ignore: 'pid,hostname' }));
}

function streamTo(to: keyof typeof FILE_DESCRIPTORS): DestinationStream {
  return pino.destination({ dest: FILE_DESCRIPTORS[to], sync: true });
}
