import { formatTable, indent } from './table.ts';

/** Lines for the end of a help text: a command, and what it is for. */
export function examples(...lines: readonly (readonly [command: string, text: string])[]): string {
  return `\nExamples:\n${indent(formatTable(lines))}`;
}

export const HELP = `
Settings come from config/*.json, SEALOG_CONFIG and the environment; see
\`sealog config\`.
Exit codes: 0 done, 1 failed, 2 bad usage or configuration.`;

export const ACTIVATE_HELP: string = `
How far it has come is told on stderr, the outcome as JSON on stdout. Exits
with 1 when it failed or was not run in time; the request stands then.
${examples(
  ['sealog activate', 'now, and not at the next slot'],
  ['sealog activate --dry-run', 'what it would complete'],
  ['sealog activate 2>/dev/null | jq .timedOut', 'how many entries it completed'],
)}`;

export const STATUS_HELP: string = `
The first line says it: "audit log: whole", or what is wrong, the most urgent
first. The exit code is 0 either way.
${examples(
  ['sealog status', 'once'],
  ['sealog status --watch', 'keeps it open'],
  ["sealog status --json | jq '.problems[].kind'", 'for programs'],
)}`;
