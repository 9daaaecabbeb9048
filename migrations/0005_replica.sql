-- What each worker process was configured with, so that the fleet can be seen to agree. pg-boss keeps one schedule for
-- all, and the last replica to start decides it. Kept by the replicas themselves; rows of dead ones are removed by the
-- others.
create table replica (
  name         text        not null,
  job          text        not null,
  cron         text        not null,
  timezone     text        not null,
  time_checked timestamptz not null default clock_timestamp(),

  constraint replica_pkey primary key (name, job)
);
