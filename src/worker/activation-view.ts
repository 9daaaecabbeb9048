import { JOBS } from '../jobs/jobs.ts';
import { identifier, literal } from '../store/quoting.ts';
import type { QueueConnection } from './boss.ts';
import { countSql, flagSql, lengthSql, textSql } from './recorded-outcome.ts';

/**
 * Installs `activation` in the audit log's schema, or replaces it: a view for people, one row for each activation that
 * pg-boss still keeps. Wants to be run in one process at a time, after pg-boss's schema is there.
 *
 * Columns may be added here, at the end of both, once a migration has dropped view and function: replacing them keeps
 * what has been granted, and cannot change their columns.
 */
export async function installActivationView({ pool, schema, auditLogSchema }: QueueConnection): Promise<void> {
  const names = { queue: identifier(schema), auditLog: identifier(auditLogSchema) };
  await pool.query({ text: activationFunction(names) });
  await pool.query({ text: activationView(names) });
}

interface Names {
  readonly queue: string;
  readonly auditLog: string;
}

/**
 * The view reads a function, and that one the table of pg-boss, because a function's body given as text is bound when it
 * is called: a view on the table would keep pg-boss's migrations from changing the columns that it shows.
 *
 * One `select`, `stable`, without settings of its own: so the planner puts the body in the place of the call, and the
 * newest rows of a job come off pg-boss's index on name and time. It runs with the rights of whoever asks.
 */
function activationFunction({ queue, auditLog }: Names): string {
  const jobs = JOBS.map(({ name }) => literal(name)).join(', ');
  return `
create or replace function ${auditLog}.activations()
returns table (
  job text, id uuid, state text, by text, trigger text, slot timestamptz, retries integer,
  created_on timestamptz, started_on timestamptz, completed_on timestamptz,
  timed_out bigint, limit_reached boolean, skipped integer, duration_ms bigint, error text
)
language sql stable as $body$
select job.name, job.id, job.state::text,
       -- While it runs, its output is of the attempt before.
       case when job.state <> 'active' then ${textSql('job.output', 'by')} end,
       coalesce(${textSql('job.output', 'trigger')}, ${textSql('job.data', 'trigger')}),
       -- A slot is a row of the queue that forwards; the job was made while that row was active.
       case when job.data->>'trigger' = 'schedule' then (
         select forwarded.singleton_on at time zone 'UTC'
           from ${queue}.job forwarded
          where forwarded.name = '__pgboss__send-it'
            and forwarded.singleton_key = replace(job.name, '_', '\\_') || '__'
            and forwarded.created_on between job.created_on - interval '1 hour' and job.created_on
            and job.created_on between forwarded.started_on and forwarded.completed_on
          order by forwarded.created_on desc limit 1) end,
       job.retry_count, job.created_on, job.started_on, job.completed_on,
       ${countSql('job.output', 'timedOut')},
       ${flagSql('job.output', 'limitReached')},
       ${lengthSql('job.output', 'skipped')},
       ${countSql('job.output', 'durationMs')},
       case when job.state <> 'completed' then
         -- What was thrown has a message; what pg-boss itself says is in a value.
         coalesce(${textSql('job.output', 'message')}, ${textSql(`job.output->'value'`, 'message')},
                  ${textSql('job.output', 'value')}) end
  from ${queue}.job job
 where job.name in (${jobs})
$body$;
comment on function ${auditLog}.activations() is 'What the view activation shows';`;
}

/** Replacing a view waits for everybody who reads it: so it is left where a new one would be the same. */
function activationView({ auditLog }: Names): string {
  const [view, fresh] = [`${auditLog}.activation`, `${auditLog}.activation_as_migrated`];
  const select = `as select * from ${auditLog}.activations()`;
  return `
do $do$ begin
  create view ${fresh} ${select};
  if (select pg_get_viewdef(oid) from pg_class where oid = to_regclass(${literal(view)}) and relkind = 'v')
    is distinct from pg_get_viewdef(${literal(fresh)}::regclass)
  then
    create or replace view ${view} ${select};
    comment on view ${view} is 'One row for each activation of a job that pg-boss keeps: see docs/monitoring.md';
  end if;
  drop view ${fresh};
end $do$`;
}
