import type { NodeProcess } from '../processes.ts';

/** The fields of one JSON log line. */
export type LogFields = { readonly event?: string; readonly level?: number; readonly [field: string]: unknown };

const parsed = new WeakMap<readonly string[], { next: number; fields: LogFields[] }>();

/** The JSON lines that a process has written. Each is parsed once. */
export function logLines(child: Pick<NodeProcess, 'lines'>): readonly LogFields[] {
  const lines = child.lines();
  const state = parsed.get(lines) ?? { next: 0, fields: [] };
  parsed.set(lines, state);
  for (; state.next < lines.length; state.next++) {
    try {
      const line = lines[state.next]!;
      if (line.startsWith('{')) state.fields.push(JSON.parse(line) as LogFields);
    } catch {
      // A killed process may leave half a line.
    }
  }
  return state.fields;
}
