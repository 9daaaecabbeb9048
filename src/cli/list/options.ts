import { type Command, InvalidArgumentError as InvalidOption, Option } from 'commander';
import { checkSameListing, decodeCursor } from '../../audit-log/cursor.ts';
import { canonicalInstant, type Instant } from '../../audit-log/instant.ts';
import type { EntryQuery, EntryResult, Order } from '../../audit-log/listing.ts';
import { InvalidCursorError } from '../../errors.ts';

export type ListFormat = 'table' | 'jsonl' | 'csv';

/** The options of `sealog list`, each checked by itself. */
export interface ListOptions {
  readonly from?: Instant;
  readonly to?: Instant;
  readonly limit?: number;
  readonly order?: Order;
  readonly operation?: string;
  readonly actor?: string;
  readonly tenant?: string;
  readonly result?: EntryResult['kind'];
  readonly after?: string;
  readonly follow?: boolean;
  readonly state?: string;
  readonly format: ListFormat;
  readonly escapeFormulas?: boolean;
  readonly excel?: boolean;
}

export function declareListOptions(command: Command): Command {
  return command
    .option('--from <instant>', 'completed at or after it; a date is its midnight UTC', instant)
    .option('--to <instant>', 'completed before it', instant)
    .option('--limit <entries>', 'how many in all (default: 100 for a table, else all there are)', entries)
    .option(
      '--order <order>',
      'ascending (asc) or descending (desc), by completion (default: descending for a table, else ascending)',
      order,
    )
    .option('--operation <id>', 'of this operation', nonEmpty)
    .option('--actor <id>', 'by this actor', nonEmpty)
    .option('--tenant <id>', 'of this tenant', nonEmpty)
    .addOption(new Option('--result <kind>', 'with this result').choices(['success', 'error', 'unknown']))
    .option('--after <cursor>', 'go on where an earlier run of the same listing ended: its `next`', cursor)
    .option('--follow', 'go on with entries as they are completed, until --to, --limit or Ctrl-C')
    .addOption(
      new Option('--state <file>', 'jsonl: keep the position in this file, and go on from there').conflicts('after'),
    )
    .addOption(new Option('--format <format>', 'of stdout').choices(['table', 'jsonl', 'csv']).default('table'))
    .option('--escape-formulas', "csv: put ' before text that a spreadsheet would run as a formula")
    .option('--excel', 'csv: for a spreadsheet: --escape-formulas, a byte-order mark, times to the second in UTC')
    .addHelpText('after', HELP);
}

const HELP = `
An instant is ISO 8601 with a time zone, up to microseconds, or a date, which is
its midnight: 2026-03-01T12:00:00Z, 2026-03-01.

Examples:
  sealog list --from 2026-03-01 --to 2026-03-02
  sealog list --result unknown --limit 20
  sealog list --format csv --operation disk_create > disks.csv
  sealog list --format jsonl --follow --state position >> log.jsonl

Entries go to stdout, everything else to stderr. Of jsonl and csv, the last line
there says where the listing ended:
  next: <cursor for --after>
  horizon: <nothing at or before it will ever change>
  settled: <true: --to is reached>
(all on one line).`;

/** The listing that is asked for. Options that do not go together end the command as bad usage, by `command.error`. */
export function listingOf(options: ListOptions, command: Command): EntryQuery & { readonly after: string | undefined } {
  const { from, to, operation, actor, tenant, result, after, follow, format, state } = options;
  const query: EntryQuery = {
    from,
    to,
    order: options.order ?? defaultOrder(options),
    operationId: operation,
    actorId: actor,
    tenantId: tenant,
  };
  const listing = { ...query, result, after };
  if (from !== undefined && to !== undefined && from > to) {
    command.error(`error: option '--from <instant>': expected not later than --to, which is ${to}, got ${from}`);
  }
  for (const [option, needed] of Object.entries(FORMATS)) {
    if (command.getOptionValue(option) !== undefined && format !== needed) {
      const { flags } = command.options.find((each) => each.attributeName() === option)!;
      command.error(`error: option '${flags}': expected format ${needed}, got ${format}`);
    }
  }
  const earlier = after === undefined ? undefined : decodeCursor(after);
  if (earlier) {
    try {
      checkSameListing(earlier, listing);
    } catch (error) {
      const option = state === undefined ? '--after <cursor>' : '--state <file>';
      command.error(`error: option '${option}': ${(error as Error).message}`);
    }
  }
  const onward = follow ? '--follow' : state === undefined ? undefined : '--state <file>';
  if (onward && (listing.order ?? earlier?.order) === 'descending') {
    command.error(`error: option '${onward}': expected order ascending, got descending`);
  }
  return listing;
}

/** The format that an option is for. In the others a line that a kill has torn could not be separated from the next one. */
const FORMATS: Readonly<Record<string, ListFormat>> = { escapeFormulas: 'csv', excel: 'csv', state: 'jsonl' };

/** A table is for people, who want to know what happened last. A cursor has its own order. */
function defaultOrder({ format, follow, after }: ListOptions): Order | undefined {
  return format === 'table' && !follow && after === undefined ? 'descending' : undefined;
}

function instant(text: string): Instant {
  try {
    return canonicalInstant('instant', /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  } catch {
    throw new InvalidOption(`expected an instant like 2026-03-01T12:00:00Z or a date like 2026-03-01, got "${text}"`);
  }
}

function entries(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) {
    throw new InvalidOption(`expected a whole number from 1 to 999999999999999, got "${text}"`);
  }
  return Number(text);
}

const ORDERS: Readonly<Record<string, Order>> = {
  ascending: 'ascending',
  asc: 'ascending',
  descending: 'descending',
  desc: 'descending',
};

function order(text: string): Order {
  const known = Object.hasOwn(ORDERS, text) ? ORDERS[text] : undefined;
  if (!known) throw new InvalidOption(`expected ascending or descending, got "${text}"`);
  return known;
}

function nonEmpty(text: string): string {
  if (text === '') throw new InvalidOption('expected non-empty text');
  return text;
}

function cursor(text: string): string {
  try {
    decodeCursor(text);
    return text;
  } catch (error) {
    throw error instanceof InvalidCursorError ? new InvalidOption(error.message) : error;
  }
}
