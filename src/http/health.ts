import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../store/when-ready.ts';
import type { HttpAnswer, HttpRoute } from './server.ts';

/** One thing that must hold: resolves when it does, and throws why not. */
export type Check = () => Promise<void> | void;

/** How long a check may take, in milliseconds: less than a probe waits. */
const CHECK_MS = 2000;

/**
 * Answers 200 when all checks hold and 503 otherwise, with the reasons:
 * `{"ok":false,"reasons":{"database":"connect ECONNREFUSED 127.0.0.1:5432"}}`.
 */
export function healthRoute(checks: Readonly<Record<string, Check>>): HttpRoute {
  return async () => {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await reasonAgainst(check)] as const),
    );
    const reasons = results.filter(([, reason]) => reason !== undefined);
    return json(reasons.length === 0 ? 200 : 503, {
      ok: reasons.length === 0,
      reasons: Object.fromEntries(reasons),
    });
  };
}

async function reasonAgainst(check: Check): Promise<string | undefined> {
  const timeout = new AbortController();
  try {
    return await Promise.race([
      (async () => {
        await check();
        return undefined;
      })(),
      delay(CHECK_MS, `no answer within ${CHECK_MS} ms`, { signal: timeout.signal }),
    ]);
  } catch (error) {
    return reasonOf(error);
  } finally {
    timeout.abort();
  }
}

function json(status: number, body: object): HttpAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body)}\n` };
}
