import type { ServerResponse } from 'node:http';
import type { Logger } from '../logger.ts';
import type { RequestFacts } from './request-facts.ts';

/** One request and its answer, as the framework of the service has them. */
export interface Exchange<Request, Reply> {
  readonly operationId: string;
  readonly request: Request;
  readonly reply: Reply;
  readonly response: ServerResponse;
  readonly facts: RequestFacts;
  readonly logger: Logger;
}
