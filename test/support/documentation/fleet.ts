import { createDatabase } from '../database.ts';
import { connected } from '../connection.ts';
import { insertEntries } from '../entries.ts';
import { startReplica } from '../replica.ts';
import { waitUntil } from '../wait.ts';

export interface DocumentedFleet extends AsyncDisposable {
  readonly url: string;
}

/**
 * A database as the documents tell of it: a worker has run activations, one of a slot, some with a backlog; an entry is
 * incomplete; and a session named `billing` holds the horizon.
 */
export async function startDocumentedFleet(): Promise<DocumentedFleet> {
  await using stack = new AsyncDisposableStack();
  const { url, pool } = stack.use(await createDatabase());
  await insertEntries(pool, [
    ...Array.from({ length: 5 }, () => ({ operationId: 'disk_create', startedMinutesAgo: 600 })),
    { operationId: 'vm_start', startedMinutesAgo: 1 },
    { operationId: 'vm_stop', startedMinutesAgo: 1 },
  ]);
  const replica = stack.use(
    await startReplica(url, {
      SEALOG_INSTANCE_NAME: 'worker-1',
      SEALOG_AUDIT_TIMEOUT_SCHEDULE: '* * * * *',
      SEALOG_AUDIT_TIMEOUT_MAX_UPDATE_PER_ACTIVATION: '2',
    }),
  );
  await replica.activate();
  await waitUntil('an activation of a slot', async () => {
    const { rowCount } = await pool.query(`select from sealog.activation where slot is not null`);
    return rowCount !== 0;
  });
  const holder = stack.use(await connected(url, 'billing'));
  await holder.query(`begin; update sealog.audit_log set result_kind = 'success' where operation_id = 'vm_start'`);
  const started = stack.move();
  return { url, [Symbol.asyncDispose]: () => started.disposeAsync() };
}
