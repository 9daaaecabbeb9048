import { pino } from 'pino';

type LogMethod = (fields: object, message: string) => void;

/** What sealog asks of a logger. pino's is one; so is the logger of a Fastify server or request. */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

/** The logger of a service that gives none: JSON lines on stderr, from `warn` on. */
export function defaultLogger(): Logger {
  return pino({ name: 'sealog', level: 'warn' }, pino.destination({ dest: 2, sync: true }));
}
