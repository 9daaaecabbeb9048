/** Tasks that can wait: a few run at a time, and no more wait than fit. */
export interface BoundedQueue {
  /** Settles with the task. Undefined if too many wait already: then the task will not run. */
  add(task: () => Promise<void>): Promise<void> | undefined;
}

export function boundedQueue(limits: { readonly running: number; readonly waiting: number }): BoundedQueue {
  const waiting: (() => void)[] = [];
  let running = 0;
  const run = async (task: () => Promise<void>): Promise<void> => {
    try {
      await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
  return {
    add(task) {
      if (running < limits.running) {
        running += 1;
        return run(task);
      }
      if (waiting.length >= limits.waiting) return undefined;
      const { promise: turn, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      return turn.then(() => run(task));
    },
  };
}
