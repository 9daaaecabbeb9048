import type { NewEntry } from '../audit-log/entry.ts';
import { InvalidArgumentError } from '../errors.ts';
import { completionLost, hookAnswerLost, refusalLost } from '../events.ts';
import { runningCalls } from '../running-calls.ts';
import { AuditLogUnavailableError, isUnavailable } from './audit-log-unavailable-error.ts';
import { boundedQueue } from './bounded-queue.ts';
import { describeRequest, messageOf, reportSafely, answerOrNothing, describedDetails } from './describe-request.ts';
import type { Exchange } from './exchange.ts';
import { NOBODY, withLateIdentity } from './known-late.ts';
import type { AuditOptions } from './options.ts';
import { completionOf } from './outcome.ts';
import { pausing } from './pausing.ts';
import { answerOf, type ResponseEnd } from './response-end.ts';
import { SHED } from './route-rule.ts';

/** An entry that is completed by itself when the response ends. */
export interface OpenEntry {
  readonly id: string;
  /** What the handler threw, if it threw. */
  thrown?: unknown;
}

interface Inserted {
  readonly id: string;
  readonly begun: NewEntry;
}

/** Begins entries for requests and completes them, each once, when their answers have ended. */
export interface Auditor<Request, Reply> {
  /**
   * The handler may run when this has returned. Throws {@link AuditLogUnavailableError} when the entry could not be
   * begun, and whatever `actor` throws.
   */
  begin(exchange: Exchange<Request, Reply>): Promise<OpenEntry>;
  /**
   * Records a request that was answered without its handler, when its answer has ended: nothing waits for that. Whom
   * `actor` cannot name is anonymous. With 429 or 503 it leaves no entry.
   */
  recordAnswered(exchange: Exchange<Request, Reply>, end: ResponseEnd, thrown: unknown): void;
  /**
   * Returns when every entry is completed, also those that are begun meanwhile, at the latest after 10 s. The rest is
   * the worker's. A handler that has not answered 2 s after its client went away is not waited for.
   */
  settled(): Promise<void>;
}

const SETTLE_LIMIT_MS = 10_000;

// A flood of refused requests leaves most connections of a pool to those that are let in, and it may cost memory only
// so far.
const REFUSED = { running: 4, waiting: 1000 };

export function createAuditor<Request, Reply>(options: AuditOptions<Request, Reply>): Auditor<Request, Reply> {
  const { auditLog } = options;
  const running = runningCalls();
  const refused = boundedQueue(REFUSED);

  const describe = async (exchange: Exchange<Request, Reply>): Promise<NewEntry> =>
    await describeRequest(exchange, await options.actor(exchange.request), options);

  const insert = async (begun: NewEntry): Promise<Inserted> => {
    try {
      return { ...(await auditLog.begin(begun)), begun };
    } catch (error) {
      // A mistake of the program will not pass by itself.
      if (error instanceof InvalidArgumentError) throw error;
      throw new AuditLogUnavailableError(begun.operationId, { cause: error });
    }
  };

  const begin = async (exchange: Exchange<Request, Reply>): Promise<OpenEntry> => {
    const { response } = exchange;
    const wasAnswered = response.headersSent;
    const { ended, endedOrAbandoned } = answerOf(response);
    const { id, begun } = await pausing(response.req, () => describe(exchange), insert);
    const entry: OpenEntry = { id };
    void running.track(endedOrAbandoned);
    void ended.then((end) => running.track(complete(exchange, begun, entry, { ...end, wasAnswered })));
    return entry;
  };

  const insertAnswered = async (exchange: Exchange<Request, Reply>): Promise<Inserted> => {
    try {
      return await insert(await describe(exchange));
    } catch (error) {
      if (isUnavailable(error)) throw error;
      // It was refused before anybody was known.
      return insert(await describeRequest(exchange, NOBODY, options));
    }
  };

  const complete = async (
    exchange: Exchange<Request, Reply>,
    begun: NewEntry,
    entry: OpenEntry,
    end: ResponseEnd,
  ): Promise<void> => {
    const { request, reply, logger } = exchange;
    try {
      const message = await answerOrNothing(exchange, 'errorMessage', () => messageOf(entry.thrown, options));
      const completion = completionOf(end, entry.thrown, message);
      const resource = await answerOrNothing(exchange, 'resource', () => options.resource?.(request, reply));
      const own = await describedDetails(exchange, options, reply);
      const details = await withLateIdentity(own, begun, request, options, (what, answer) =>
        answerOrNothing(exchange, what, answer),
      );
      await auditLog.complete(entry.id, { ...completion, resource, details });
    } catch (err) {
      reportSafely(() => completionLost(logger, { entryId: entry.id, err }));
    }
  };

  return {
    begin: (exchange) => running.track(begin(exchange)),
    recordAnswered(exchange, end, thrown) {
      const { operationId, logger } = exchange;
      const { status } = end;
      if (SHED.has(status)) return;
      const lost = (err: unknown): void =>
        reportSafely(() => (status < 400 ? hookAnswerLost : refusalLost)(logger, { operationId, status, err }));
      const recorded = refused.add(async () => {
        try {
          const { id, begun } = await insertAnswered(exchange);
          await complete(exchange, begun, { id, thrown }, end);
        } catch (err) {
          lost(err);
        }
      });
      if (recorded) void running.track(recorded);
      else lost(new Error(`${REFUSED.waiting} others wait to be recorded`));
    },
    settled: () => running.ended(SETTLE_LIMIT_MS),
  };
}
