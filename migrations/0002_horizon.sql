-- The horizon protocol, writing side: every completion is stamped so that the completed past can be sealed.
--
-- Two counters in microseconds live outside MVCC, as sequences: what is written to them is seen by everyone at once,
-- at any isolation level, is never rolled back, survives a crash and reaches replicas.
--   floor   no completion that registers from now on is stamped at or before it
--   sealed  the highest horizon ever answered
create sequence audit_log_floor as bigint minvalue 0 start 0;
create sequence audit_log_sealed as bigint minvalue 0 start 0;
-- A sequence has no last value until it is used.
select setval('audit_log_floor', 0), setval('audit_log_sealed', 0);

-- The advisory lock under which a transaction completes entries: 21 bits that tell this table from other users of
-- advisory locks, then 42 bits of milliseconds. A clock outside of the years 1970 to 2109 gives the first or the last key.
create function audit_log_lock_namespace() returns bigint language sql stable
return 'audit_log'::regclass::oid::bigint & 2097151;

create function audit_log_lock_key(microseconds bigint) returns bigint language sql stable
return (audit_log_lock_namespace() << 42) | least(greatest(microseconds / 1000, 0), (1::bigint << 42) - 1);

-- The time_completed of an entry that is being completed now.
--
-- The order of the statements is the protocol. A sealer raises the floor, then reads which locks are held. A completer
-- that it does not see has either not locked yet, and will read the raised floor here and stamp above it, or has
-- already committed, and is visible. One that it sees stamps at or after its key. Nobody waits for anybody: the
-- lock is shared and never taken exclusively.
create function audit_log_stamp() returns timestamptz language plpgsql volatile
set search_path from current as $$
declare
  -- The same for every entry of the transaction, so that it holds one lock, however many entries it completes.
  began constant bigint := audit_log_microseconds(transaction_timestamp());
  key bigint := audit_log_lock_key(began);
  floor bigint;
  sealed bigint;
begin
  -- A block with a handler is a subtransaction, and what it locked then belongs to the enclosing transaction. A lock taken
  -- outside of one belongs to the portal: of a cursor, a later FETCH that fails in a savepoint would release it, while
  -- what an earlier FETCH completed stays.
  begin
    -- Anybody may take an advisory lock, also exclusively. A lower key says that the transaction began earlier: the
    -- horizon stays lower, and nobody waits.
    while not pg_try_advisory_xact_lock_shared(key) loop
      -- The next one is of another namespace, where no sealer looks.
      if key <= audit_log_lock_key(0) then
        raise exception using errcode = 'lock_not_available',
          message = 'somebody holds every advisory lock under which this transaction could complete entries';
      end if;
      key := key - 1;
    end loop;
  exception when sqlstate 'SL000' then
    raise;
  end;
  -- A query of the sequence returns the same and takes half the time of this trigger. This function returns null to an
  -- owner who may not read the counter, and nothing may be stamped without it.
  floor := pg_catalog.pg_sequence_last_value('audit_log_floor'::regclass);
  -- Never above the floor, but in a restored dump: pg_dump reads the two counters one after the other.
  sealed := pg_catalog.pg_sequence_last_value('audit_log_sealed'::regclass);
  if floor is null or sealed is null then
    raise exception using errcode = 'insufficient_privilege',
      message = 'the owner of the audit log cannot read the sequences audit_log_floor and audit_log_sealed';
  end if;
  return audit_log_instant(greatest(began, audit_log_microseconds(audit_log_clock()), floor + 1, sealed + 1));
end $$;

-- Only the triggers stamp: they run as the owner, so a role that writes entries needs no right on the counters.
revoke execute on function audit_log_stamp() from public;
