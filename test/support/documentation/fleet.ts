import { createDatabase } from '../database.ts';
import { connected } from '../connection.ts';
import { insertEntries } from '../entries.ts';
import { insertFleet } from '../queue-rows.ts';
import { startReplica } from '../replica.ts';
import { waitUntil } from '../wait.ts';

export interface DocumentedFleet extends AsyncDisposable {
  readonly url: string;
}

/**
 * A database as the documents tell of it, with each of the troubles that a runbook is for: a worker has run activations,
 * one of a slot, some with a backlog, and cannot complete an entry; another one was lost; an entry is incomplete; and two
 * sessions hold the horizon, `billing` and one that has been forgotten for long enough to be ended.
 */
export async function startDocumentedFleet(): Promise<DocumentedFleet> {
  await using stack = new AsyncDisposableStack();
  const { url, pool } = stack.use(await createDatabase());
  await insertEntries(pool, [
    ...Array.from({ length: 5 }, () => ({ operationId: 'disk_create', startedMinutesAgo: 600 })),
    { operationId: 'disk_format', startedMinutesAgo: 601 },
    { operationId: 'vm_start', startedMinutesAgo: 1 },
    { operationId: 'vm_stop', startedMinutesAgo: 1 },
  ]);
  await pool.query(
    `alter table sealog.audit_log add constraint format_has_an_outcome
       check (operation_id <> 'disk_format' or result_kind is distinct from 'timeout')`,
  );
  await insertFleet(pool, { replicas: [{ name: 'worker-0', seenAgo: 900 }] });
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
  await pool.query('select sealog.audit_log_seal()');
  const forgotten = stack.use(await connected(url, 'nightly batch'));
  // What a transaction holds that has completed an entry, and began so long ago.
  await forgotten.query(
    `begin; select pg_advisory_xact_lock_shared(
              sealog.audit_log_lock_key(sealog.audit_log_microseconds(now() - interval '10 minutes')))`,
  );
  const holder = stack.use(await connected(url, 'billing'));
  await holder.query(`begin; update sealog.audit_log set result_kind = 'success' where operation_id = 'vm_start'`);
  const started = stack.move();
  return { url, [Symbol.asyncDispose]: () => started.disposeAsync() };
}
