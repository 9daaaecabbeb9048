import type { Actor, NewEntry } from '../audit-log/entry.ts';
import { InvalidArgumentError } from '../errors.ts';
import { requestNotDescribed } from '../events.ts';
import type { Exchange } from './exchange.ts';
import { mergedDetails } from './merged-details.ts';
import type { AuditOptions } from './options.ts';
import { recordedParts, requestPath } from './request-facts.ts';

/** What its entry is begun with. */
export async function describeRequest<Request, Reply>(
  exchange: Exchange<Request, Reply>,
  actor: Actor,
  options: AuditOptions<Request, Reply>,
): Promise<NewEntry> {
  const { operationId, request, facts } = exchange;
  const recorded = await answerOrNothing(exchange, 'record', () => recordedParts(facts, options.record));
  return {
    operationId,
    actor,
    tenantId: await answerOrNothing(exchange, 'tenant', () => options.tenant?.(request)),
    resource: await answerOrNothing(exchange, 'resource', () => options.resource?.(request)),
    details: (await describedDetails(exchange, options)) ?? recorded,
    requestId: facts.id,
    requestUri: requestPath(facts.url),
    sourceIp: await answerOrNothing(exchange, 'ip', facts.ip),
    userAgent: facts.userAgent,
  };
}

/** The service's own details, with the recorded parts of the request among them; undefined if it has none. */
export async function describedDetails<Request, Reply>(
  exchange: Exchange<Request, Reply>,
  { details, record }: AuditOptions<Request, Reply>,
  reply?: Reply,
): Promise<NewEntry['details']> {
  return await answerOrNothing(exchange, 'details', async () => {
    const own = await details?.(exchange.request, reply);
    const recorded = own && recordedParts(exchange.facts, record);
    return recorded ? mergedDetails(recorded, own) : own;
  });
}

/** The service's own message for what the handler threw; undefined if it has none. */
export async function messageOf<Request, Reply>(
  thrown: unknown,
  { errorMessage }: AuditOptions<Request, Reply>,
): Promise<string | undefined> {
  if (thrown === undefined) return undefined;
  const message: unknown = await errorMessage?.(thrown);
  if (message === undefined || message === '') return undefined;
  if (typeof message !== 'string') throw new InvalidArgumentError('errorMessage', 'text', typeof message);
  return message;
}

/**
 * What a function of the service says; nothing if it throws, or says nothing within a second, because that must not lose
 * the entry.
 */
export async function answerOrNothing<T>(
  { operationId, logger }: Exchange<unknown, unknown>,
  what: string,
  ask: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await inTime(ask());
  } catch (err) {
    reportSafely(() => requestNotDescribed(logger, { operationId, what, err }));
    return undefined;
  }
}

const LIMIT_MS = 1000;

/** It may wait for what comes only once, the body for one, and neither the handler nor the outcome must wait for that. */
async function inTime<T>(answer: T | Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`expected an answer within ${LIMIT_MS} ms, got none`)), LIMIT_MS);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Neither a request nor its entry may depend on a logger that throws. */
export function reportSafely(event: () => void): void {
  try {
    event();
  } catch {
    // Nobody else can be informed.
  }
}
