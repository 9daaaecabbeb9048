import { STATUS_CODES } from 'node:http';
import type { Completion } from '../audit-log/completion.ts';
import { thrownCode } from '../audit-log/thrown-code.ts';
import type { ResponseEnd } from './response-end.ts';

/**
 * What an answer says of its operation: from 400 on it failed, also where that was found out when another status had
 * been sent. `message` is what the service wants told of the error.
 */
export function completionOf(end: ResponseEnd, thrown: unknown, message?: string): Completion {
  const { status, isBroken } = end;
  // Express lets a handler answer with any number.
  const httpStatusCode = status >= 100 && status <= 599 ? status : undefined;
  if (isBroken) {
    return {
      kind: 'error',
      httpStatusCode,
      code: 'ResponseBroken',
      message: 'the connection ended before the answer was complete',
    };
  }
  const meant = Math.max(status, end.lastStatus);
  if (meant < 400) return { kind: 'success', httpStatusCode };
  const reason = message ?? STATUS_CODES[meant] ?? `answered ${meant}`;
  return end.wasAnswered
    ? { kind: 'error', httpStatusCode, code: 'AnsweredBefore', message: `${reason}; the handler ran all the same` }
    : { kind: 'error', httpStatusCode, code: thrownCode(thrown), message: reason };
}
