import { type DatabasePool, guarded } from '../store/database.ts';
import type { QueuePool } from './boss.ts';

/**
 * Statements to the queue on the pool of all others. One that is not answered in time is cancelled at the server, as those
 * are: a server does not notice that a waiting client is gone, and while somebody holds a table of pg-boss's, given-up
 * connections would pile up there until it takes no more, from services neither.
 */
export function queuePool(pool: DatabasePool): QueuePool {
  const connections = guarded(pool);
  return {
    async query(statement) {
      const client = await connections.connect();
      let failed = true;
      try {
        // pg takes more than the types of our own pools say.
        const answer = await client.query(statement as never);
        failed = false;
        return answer;
      } finally {
        // Several statements may have been sent at once, with a BEGIN in front: what failed may be in a transaction still.
        client.release(failed);
      }
    },
  };
}
