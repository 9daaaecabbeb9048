-- The schema of the queue whose fleet works on this audit log: two queues would be two fleets, with two activations at a
-- time. The queue names its audit log in return, in a table `sealog_queue` of its own schema, because two logs on one
-- queue would be answered by each other's workers. Names, so that a restore into another database and a fail-over keep
-- both sides; what no longer exists claims nothing, so that a schema can be dropped and another one used.
create table queue (
  only_row boolean not null default true,
  schema   text    not null,

  constraint queue_pkey primary key (only_row),
  constraint queue_only_row check (only_row)
);
