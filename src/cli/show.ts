import { findEntry } from '../store/find-entry.ts';
import { type ExactEntry, toExactEntry } from '../store/select-entries.ts';
import { print, withApp } from './command.ts';
import { exactJson } from './list/exact-json.ts';
import { joined, resultText } from './list/table-format.ts';
import { escapeJson, printable } from './printable.ts';
import { formatTable } from './table.ts';

export interface ShowOptions {
  readonly json?: boolean;
}

/** `sealog show ID`: a completed entry with all that it holds, and its amendment. Exits with 1 when there is no such entry. */
export async function showCommand(id: string, { json = false }: ShowOptions): Promise<void> {
  await withApp(async ({ database }) => {
    const found = await findEntry(database, id, toExactEntry);
    if (found === null) {
      process.stderr.write(
        `sealog: expected the id of a completed entry, got ${id}: there is none, or it is incomplete\n`,
      );
      process.exitCode = 1;
      return;
    }
    const { entry, amendment } = found;
    if (json) print(jsonOf(entry, amendment));
    else print([fieldsOf(entry), ...(amendment ? ['', 'amended by', fieldsOf(amendment)] : [])].join('\n'));
  });
}

/** An object of two, each on one line as `list --format jsonl` has it. */
function jsonOf(entry: ExactEntry, amendment: ExactEntry | null): string {
  const text = `{\n  "entry": ${exactJson(entry)},\n  "amendment": ${amendment ? exactJson(amendment) : 'null'}\n}`;
  return process.stdout.isTTY ? escapeJson(text) : text;
}

/** What an entry has, one field a line. Text from clients cannot steer a terminal, and nothing is cut. */
function fieldsOf(entry: ExactEntry): string {
  const { actor, resource, result } = entry;
  const fields: readonly (readonly [name: string, value: string | null])[] = [
    ['id', entry.id],
    ['amends', entry.amends],
    ['started', entry.timeStarted],
    ['completed', entry.timeCompleted],
    ['result', resultText(result)],
    ['message', result.kind === 'error' ? result.message : null],
    ['operation', entry.operationId],
    ['actor', joined(actor.kind, actor.kind === 'anonymous' ? undefined : actor.id)],
    ['tenant', entry.tenantId],
    ['resource', resource && joined(resource.type, resource.id)],
    ['auth method', entry.authMethod],
    ['credential', entry.credentialId],
    ['request', entry.requestId],
    ['request uri', entry.requestUri],
    ['source ip', entry.sourceIp],
    ['user agent', entry.userAgent],
    ['instance', entry.instanceId],
    ['details', entry.details],
  ];
  return formatTable(fields.flatMap(([name, value]) => (value === null ? [] : [[name, printable(value)]])));
}
