import { createHash } from 'node:crypto';
import { CompiledQuery } from 'kysely';
import { describe, InvalidArgumentError } from '../errors.ts';
import type { DatabaseClient } from './database.ts';
import { identifier } from './quoting.ts';

/** Sends one statement and answers its rows: on a pool, or in somebody's transaction. */
export type Query = <Row>(text: string, values: readonly unknown[]) => Promise<readonly Row[]>;

/** A client of `pg` that is in a transaction, or a transaction of Kysely. */
export type Transaction =
  | { query(text: string, values: unknown[]): Promise<{ readonly rows: unknown[] }> }
  | (Executor & { readonly isTransaction: boolean });

// Kysely's own types are not named, so that the program may have another version of Kysely.
interface Executor {
  executeQuery(query: never): Promise<{ readonly rows: readonly unknown[] }>;
}

/** How a connection is given a statement. */
export type Send = (
  client: DatabaseClient,
  text: string,
  values: readonly unknown[],
) => Promise<{ readonly rows: readonly unknown[] }>;

export const sendUnprepared: Send = (client, text, values) => client.query(text, values);

/** For the few texts that are sent for each entry: a connection keeps them prepared for as long as it lives. */
export const sendPrepared: Send = (client, text, values) =>
  client.query({ name: statementName(text), text, values: [...values] });

const names = new Map<string, string>();

/**
 * A name that no other text has, in any process: behind a pooler a connection of the server may have been prepared by
 * another process, and a name that is used there for another text runs that one, in another audit log.
 */
function statementName(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    // PostgreSQL cuts names to 63 bytes.
    name = `sealog_${createHash('sha256').update(text).digest('hex').slice(0, 48)}`;
    names.set(text, name);
  }
  return name;
}

export function kyselyQuery(db: Executor): Query {
  return async <Row>(text: string, values: readonly unknown[]) => {
    const { rows } = await db.executeQuery(CompiledQuery.raw(text, [...values]) as never);
    return rows as readonly Row[];
  };
}

const EXPECTED = 'a client of pg or a transaction of Kysely';

/**
 * Throws {@link InvalidArgumentError} for what is no transaction, a pool above all: that would send it elsewhere. What
 * has a `query` of another kind is found out by a statement that changes nothing, once for each object.
 */
export function transactionQuery(transaction: Transaction): Query {
  const given: unknown = transaction;
  if (typeof given === 'object' && given !== null) {
    if ('isTransaction' in transaction && transaction.isTransaction) return kyselyQuery(withoutPlugins(transaction));
    if ('query' in transaction && typeof transaction.query === 'function' && !('totalCount' in transaction)) {
      return async <Row>(text: string, values: readonly unknown[]) => {
        await checkAnswers(transaction);
        return (await transaction.query(text, [...values])).rows as Row[];
      };
    }
  }
  const got = typeof given === 'object' && given !== null ? given.constructor?.name : given;
  throw new InvalidArgumentError('transaction', EXPECTED, got);
}

/** A plugin may rename the columns of an answer, `CamelCasePlugin` for one. */
function withoutPlugins(transaction: Executor & { withoutPlugins?(): Executor }): Executor {
  return transaction.withoutPlugins?.() ?? transaction;
}

const checked = new WeakSet<object>();

/** Before anything is written: what answers in another form, as managers of entities do, would have written already. */
async function checkAnswers(client: Extract<Transaction, { query: unknown }>): Promise<void> {
  if (checked.has(client)) return;
  const answer: unknown = await client.query("select 'one' as the_row", []);
  const { rows }: { rows?: unknown } = Object(answer);
  const row: unknown = Array.isArray(rows) && rows.length === 1 ? rows[0] : undefined;
  const { the_row: value }: { the_row?: unknown } = Object(row);
  if (value !== 'one') {
    const expected = `${EXPECTED}, whose query answers { rows: [{ the_row: 'one' }] }`;
    throw new InvalidArgumentError('transaction', expected, answer, shapeOf(client, answer));
  }
  checked.add(client);
}

function shapeOf(client: object, answer: unknown): string {
  return `${client.constructor?.name ?? 'an object'}, whose query answers ${describe(answer)}`;
}

/** The table, quoted for statements that are written as text. */
export function auditLogTable(schema: string): string {
  return `${identifier(schema)}.audit_log`;
}
