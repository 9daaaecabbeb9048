-- The horizon protocol, writing side: every completion is stamped so that the completed past can be sealed.
--
-- Two counters in microseconds live outside MVCC, as sequences: what is written to them is seen by everyone at once,
-- at any isolation level, is never rolled back, survives a crash and reaches replicas.
--   floor   no completion that registers from now on is stamped at or before it
--   sealed  the highest horizon ever answered
create sequence audit_log_floor as bigint minvalue 0 start 0;
create sequence audit_log_sealed as bigint minvalue 0 start 0;
-- A sequence has no last value until it is used.
select setval('audit_log_floor', 0);

-- The advisory lock under which a transaction completes entries: 21 bits that tell this table from other users of
-- advisory locks, then 42 bits of milliseconds (good to the year 2109).
create function audit_log_lock_namespace() returns bigint language sql stable
return 'audit_log'::regclass::oid::bigint & 2097151;

create function audit_log_lock_key(microseconds bigint) returns bigint language sql stable
return (audit_log_lock_namespace() << 42) | (microseconds / 1000);

-- The time_completed of an entry that is being completed now.
--
-- The order of the statements is the protocol. A sealer raises the floor, then looks for held locks. A completer
-- that it does not see has either not locked yet, and will read the raised floor here and stamp above it, or has
-- already committed, and is visible. One that it sees stamps at or after its key. Nobody waits for anybody: the
-- lock is shared and never taken exclusively.
create function audit_log_stamp() returns timestamptz language plpgsql volatile
set search_path from current as $$
declare
  -- The same for every entry of the transaction, so that it holds one lock, however many entries it completes.
  began constant bigint := audit_log_microseconds(transaction_timestamp());
  lowest bigint;
begin
  perform pg_advisory_xact_lock_shared(audit_log_lock_key(began));
  -- A query would say the same, and take half the time of this trigger. This answers null to an owner who may not read
  -- the counter, and nothing may be stamped without it.
  lowest := pg_sequence_last_value('audit_log_floor') + 1;
  if lowest is null then
    raise exception using errcode = 'insufficient_privilege',
      message = 'the owner of the audit log cannot read the sequence audit_log_floor';
  end if;
  return audit_log_instant(greatest(began, audit_log_microseconds(audit_log_clock()), lowest));
end $$;

-- Only the triggers stamp: they run as the owner, so that who may write entries needs no right on the counters.
revoke execute on function audit_log_stamp() from public;
