import { STATUS_CODES } from 'node:http';
import type { Completion } from '../audit-log/completion.ts';
import type { ResponseEnd } from './response-end.ts';

/**
 * What an answer says of its operation: from 400 on it failed. Of what was thrown only the code is kept, and the
 * message if the error is marked as meant for the client (`expose`): others may hold secrets.
 */
export function completionOf(status: number, end: ResponseEnd, thrown: unknown): Completion {
  // Express lets a handler answer with any number.
  const httpStatusCode = status >= 100 && status <= 599 ? status : undefined;
  if (end === 'broken') {
    return {
      kind: 'error',
      httpStatusCode,
      code: 'ResponseBroken',
      message: 'the connection ended before the answer was complete',
    };
  }
  if (status < 400) return { kind: 'success', httpStatusCode };
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Record<string, unknown>;
  const code = [error['code'], error['name']].find((name) => typeof name === 'string' && IDENTIFIER.test(name));
  const exposed = error['expose'] === true && typeof error['message'] === 'string' ? error['message'] : undefined;
  return {
    kind: 'error',
    httpStatusCode,
    code: code as string | undefined,
    message: exposed ?? STATUS_CODES[status] ?? `answered ${status}`,
  };
}

// What is no identifier may be anything, a message for one.
const IDENTIFIER = /^[\w.:-]{1,100}$/;
