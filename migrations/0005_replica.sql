-- What each worker process was configured with, so that the fleet can be seen to agree. pg-boss keeps one schedule for
-- all, and the last replica to start decides it. Kept by the replicas themselves; rows of dead ones are removed by the
-- others.
create table replica (
  id           uuid        not null default gen_random_uuid(), -- a process: two replicas of the same name are two
  name         text        not null,
  job          text        not null,
  cron         text        not null,
  timezone     text        not null,
  time_checked timestamptz not null default clock_timestamp(),

  constraint replica_pkey primary key (id, job)
);
