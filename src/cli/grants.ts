import { loadSettings } from '../config/load-settings.ts';
import { auditLogGrants, passedOnRights, ROLES } from '../store/grants.ts';
import { queueGrants } from '../worker/queue-grants.ts';
import { print } from './command.ts';

/** `sealog grants`: SQL for a DBA to read and to run after `sealog migrate`, again and again. Asks no database. */
export function grantsCommand(): void {
  const { database, queue } = loadSettings().settings;
  print(
    [
      `-- The roles of sealog and their rights on the schemas "${database.schema}" and "${queue.schema}".`,
      '-- To be run as their owner, who may create roles, after each `sealog migrate`. Login roles become members:',
      `--   create role my_worker login password '...' in role sealog_worker;`,
      `--   alter role my_worker set search_path to pg_catalog, pg_temp; -- not where the service needs another one`,
      '-- What PUBLIC may they may too: execute most functions of the schema.',
      'begin;',
      auditLogGrants(database.schema),
      queueGrants(queue.schema, 'sealog_worker', ROLES),
      passedOnRights([database.schema, queue.schema]),
      'commit;',
    ].join('\n'),
  );
}
