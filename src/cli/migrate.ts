import { migrationBlocked } from '../events.ts';
import { migrate } from '../store/migrate.ts';
import { inMigrationTurn } from '../store/migration-turn.ts';
import { installQueues } from '../worker/install-queues.ts';
import { print, withApp } from './command.ts';

/** `sealog migrate`: the schemas of the audit log and of pg-boss, up to this version. */
export async function migrateCommand(): Promise<void> {
  await withApp(async ({ database, queue, settings, logger }) => {
    const onBlocked = (blocker: object) => migrationBlocked(logger, blocker);
    await inMigrationTurn(
      database,
      async () => {
        const applied = await migrate(database);
        for (const name of applied) print(`applied ${name}`);
        if (applied.length === 0) print(`schema ${database.schema} is up to date`);
        await installQueues(queue);
        print(`schema ${settings.queue.schema} (pg-boss) is up to date`);
      },
      { onBlocked },
    );
  });
}
