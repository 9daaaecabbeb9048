import type { App } from '../app.ts';
import { RulesOffError } from '../store/errors.ts';
import { refuseForeignObjects } from '../store/foreign-objects.ts';
import { migrate } from '../store/migrate.ts';
import { pooledError } from '../store/open-pool.ts';
import { inMigrationTurn } from '../store/migration-turn.ts';
import { restoreRules } from '../store/restore-rules.ts';
import { migrationBlocked } from '../worker/events.ts';
import { installQueues } from '../worker/install-queues.ts';
import { print, withApp } from './command.ts';
import { oneLine } from './printable.ts';

/** `sealog migrate`: the schemas of the audit log and of pg-boss, up to this version and with all of their rules on. */
export async function migrateCommand(): Promise<void> {
  // As the owner: nobody else's functions may run in the place of PostgreSQL's own.
  await withApp(migrateAll, 'stderr', { pinsSearchPath: true }).catch((error: unknown) => {
    throw isRefusedByPooler(error) ? pooledError() : error;
  });
}

/** PgBouncer takes no search path at the start of a session. */
function isRefusedByPooler(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message.includes('unsupported startup parameter') || isRefusedByPooler(error.cause);
}

async function migrateAll({ database, queue, settings, logger }: App): Promise<void> {
  const onBlocked = (blocker: object) => migrationBlocked(logger, blocker);
  await inMigrationTurn(
    database,
    async () => {
      // Before the audit log's is made, too.
      await refuseForeignObjects(async (statement) => await queue.pool.query(statement), queue.schema);
      const applied = await migrate(database);
      for (const name of applied) print(`applied ${name}`);
      const { restored, left } = await restoreRules(database);
      for (const rule of restored) print(`put back: ${oneLine(rule)}`);
      if (applied.length + restored.length + left.length === 0) print(`schema ${database.schema} is up to date`);
      await installQueues(queue);
      print(`schema ${settings.queue.schema} (pg-boss) is up to date`);
      if (left.length > 0) throw new RulesOffError(left.map(oneLine));
    },
    { onBlocked },
  );
}
