/** The calls of a library that are running, so that what they need is not taken from them. */
export interface RunningCalls {
  track<T>(call: Promise<T>): Promise<T>;
  /** Returns when none is running, those that begin meanwhile included, or after so many milliseconds. */
  ended(limitMs: number): Promise<void>;
}

export function runningCalls(): RunningCalls {
  const running = new Set<Promise<unknown>>();
  return {
    async track(call) {
      running.add(call);
      try {
        return await call;
      } finally {
        running.delete(call);
      }
    },
    async ended(limitMs) {
      const { promise: outOfTime, resolve } = Promise.withResolvers<true>();
      const timer = setTimeout(() => resolve(true), limitMs);
      let late = false;
      while (running.size > 0 && !late) {
        late = await Promise.race([Promise.allSettled(running).then(() => false), outOfTime]);
      }
      clearTimeout(timer);
    },
  };
}
