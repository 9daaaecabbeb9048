import { performance } from 'node:perf_hooks';
import { sqlStateOf } from '../store/errors.ts';
import { TIMINGS, type Timings } from './timings.ts';

/**
 * Notices that the database lets this process log in no more, because its password, role or certificate is not valid now:
 * calls `onRefused` once with the last refusal, when for a minute there was nothing else. Waiting would not help; another
 * process may be started with a newer password.
 */
export function refusalWatch(
  onRefused: (error: Error) => void,
  { refusedMs }: Pick<Timings, 'refusedMs'> = TIMINGS,
): <T>(asking: Promise<T>) => Promise<T> {
  let since: number | undefined;
  let isOver = false;
  return async (asking) => {
    try {
      const answer = await asking;
      since = undefined;
      return answer;
    } catch (error) {
      since = isRefusal(error) ? (since ?? performance.now()) : undefined;
      if (since !== undefined && performance.now() - since >= refusedMs && !isOver) {
        isOver = true;
        onRefused(error as Error);
      }
      throw error;
    }
  };
}

/** Invalid authorization, by the server's own word. */
function isRefusal(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith('28') ?? false;
}
