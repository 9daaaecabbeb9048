import type { ServerResponse } from 'node:http';
import type { Actor, NewEntry } from '../audit-log/entry.ts';
import { InvalidArgumentError } from '../errors.ts';
import { completionLost, requestNotDescribed } from '../events.ts';
import type { Logger } from '../logger.ts';
import { AuditLogUnavailableError } from './audit-log-unavailable-error.ts';
import { NOBODY, withLateIdentity } from './known-late.ts';
import type { AuditOptions } from './options.ts';
import { completionOf } from './outcome.ts';
import { type RequestFacts, recordedParts, requestPath } from './request-facts.ts';
import { responseEnd } from './response-end.ts';

/** One request and its answer, as the framework of the service has them. */
export interface Exchange<Request, Reply> {
  readonly operationId: string;
  readonly request: Request;
  readonly reply: Reply;
  readonly response: ServerResponse;
  readonly facts: RequestFacts;
  readonly logger: Logger;
  /** What was thrown before the entry is begun. */
  readonly thrown?: unknown;
}

/** An entry that is completed by itself when the response ends. */
export interface OpenEntry {
  readonly id: string;
  /** What the handler threw, if it threw. */
  thrown?: unknown;
}

/** Begins entries for requests and completes them, each once, when their answers have ended. */
export interface Auditor<Request, Reply> {
  /**
   * The handler may run when this has returned. Throws {@link AuditLogUnavailableError} when the entry could not be
   * begun, and whatever `actor` throws.
   */
  begin(exchange: Exchange<Request, Reply>): Promise<OpenEntry>;
  /** The same for a request that was answered before its handler: whom `actor` cannot name is anonymous. */
  beginRefused(exchange: Exchange<Request, Reply>): Promise<OpenEntry>;
  /** Returns when every entry is completed, at the latest after 10 s. The rest is the worker's. */
  settled(): Promise<void>;
}

const SETTLE_LIMIT_MS = 10_000;

export function createAuditor<Request, Reply>(options: AuditOptions<Request, Reply>): Auditor<Request, Reply> {
  const { auditLog } = options;
  const open = new Set<Promise<void>>();

  const begin = async (exchange: Exchange<Request, Reply>, actor: Actor): Promise<OpenEntry> => {
    const newEntry = await describeRequest(exchange, actor, options);
    let id: string;
    try {
      ({ id } = await auditLog.begin(newEntry));
    } catch (error) {
      // A mistake of the program will not pass by itself.
      if (error instanceof InvalidArgumentError) throw error;
      throw new AuditLogUnavailableError(exchange.operationId, { cause: error });
    }
    const entry: OpenEntry = { id, thrown: exchange.thrown };
    const completed = complete(exchange, newEntry, entry).finally(() => open.delete(completed));
    open.add(completed);
    return entry;
  };

  const complete = async (exchange: Exchange<Request, Reply>, begun: NewEntry, entry: OpenEntry): Promise<void> => {
    const { request, reply, response, logger } = exchange;
    const end = await responseEnd(response);
    try {
      const message = await told(exchange, 'errorMessage', () => messageOf(entry.thrown, options));
      const completion = completionOf(end, entry.thrown, message);
      const resource = await told(exchange, 'resource', () => options.resource?.(request, reply));
      const own = await toldDetails(exchange, options, reply);
      const details = await withLateIdentity(own, begun, request, options, (what, answer) =>
        told(exchange, what, answer),
      );
      await auditLog.complete(entry.id, { ...completion, resource, details });
    } catch (err) {
      report(() => completionLost(logger, { entryId: entry.id, err }));
    }
  };

  return {
    begin: async (exchange) => begin(exchange, await options.actor(exchange.request)),
    async beginRefused(exchange) {
      try {
        return await begin(exchange, await options.actor(exchange.request));
      } catch (error) {
        if (error instanceof AuditLogUnavailableError) throw error;
        // It was refused before anybody was known.
        return begin(exchange, NOBODY);
      }
    },
    async settled() {
      const { promise: limit, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, SETTLE_LIMIT_MS);
      await Promise.race([limit, Promise.allSettled(open)]);
      clearTimeout(timer);
    },
  };
}

async function describeRequest<Request, Reply>(
  exchange: Exchange<Request, Reply>,
  actor: Actor,
  options: AuditOptions<Request, Reply>,
): Promise<NewEntry> {
  const { operationId, request, facts } = exchange;
  const recorded = await told(exchange, 'record', () => recordedParts(facts, options.record));
  return {
    operationId,
    actor,
    tenantId: await told(exchange, 'tenant', () => options.tenant?.(request)),
    resource: await told(exchange, 'resource', () => options.resource?.(request)),
    details: (await toldDetails(exchange, options)) ?? recorded,
    requestId: facts.id,
    requestUri: requestPath(facts.url),
    sourceIp: facts.ip,
    userAgent: facts.userAgent,
  };
}

/** The service's own details, with the recorded parts of the request among them; undefined if it has none. */
async function toldDetails<Request, Reply>(
  exchange: Exchange<Request, Reply>,
  { details, record }: AuditOptions<Request, Reply>,
  reply?: Reply,
): Promise<NewEntry['details']> {
  return await told(exchange, 'details', async () => {
    const own = await details?.(exchange.request, reply);
    const recorded = own && recordedParts(exchange.facts, record);
    return recorded ? { ...recorded, ...own } : own;
  });
}

/** The service's own message for what the handler threw; undefined if it has none. */
async function messageOf<Request, Reply>(
  thrown: unknown,
  { errorMessage }: AuditOptions<Request, Reply>,
): Promise<string | undefined> {
  if (thrown === undefined) return undefined;
  const message: unknown = await errorMessage?.(thrown);
  if (message === undefined || message === '') return undefined;
  if (typeof message !== 'string') throw new InvalidArgumentError('errorMessage', 'text', typeof message);
  return message;
}

/** What a function of the service says; nothing if it throws, because that must not lose the entry. */
async function told<T>(
  { operationId, logger }: Exchange<unknown, unknown>,
  what: string,
  tell: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await tell();
  } catch (err) {
    report(() => requestNotDescribed(logger, { operationId, what, err }));
    return undefined;
  }
}

/** Neither a request nor its entry may depend on a logger that throws. */
function report(event: () => void): void {
  try {
    event();
  } catch {
    // There is nobody left to tell.
  }
}
