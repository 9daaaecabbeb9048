-- The rules of this schema as the migrations made them, read from the catalog of the server that was migrated. Workers,
-- who may create nothing, compare them with what the catalog says now. `sealog migrate` writes the table anew each time,
-- from the migrations themselves: what somebody writes here stays until then.
create table migrated_rule (
  kind       text not null, -- trigger, function, constraint, …; or what is unusual of one: `trigger state`
  name       text not null,
  relation   text not null, -- the table or view that it belongs to; empty for one that belongs to none
  definition text not null, -- for most kinds the SQL that makes it, under a search path of this schema

  constraint migrated_rule_pkey primary key (kind, name, relation)
);
