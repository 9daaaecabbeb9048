import type { Logger } from '../../src/logger.ts';

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A logger that keeps its lines, for tests that run in one process. */
export interface RecordingLogger extends Logger {
  readonly lines: readonly LogLine[];
  withEvent(event: string): readonly LogLine[];
}

export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  const method = (level: keyof Logger) => (fields: object, message: string) =>
    void lines.push({ ...fields, level, message });
  return {
    lines,
    withEvent: (event) => lines.filter((line) => line['event'] === event),
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
  };
}
