-- The horizon protocol, reading side: how far the completed past is final.

-- The horizon that is certainly on disk: the higher of these two rows. Rows and not a counter, because what is visible in a
-- row has committed, and what has committed was flushed first: a server that loses power forgets nothing that somebody has
-- read from here. Two, because a sealer that stays in its transaction keeps one of them locked.
create table audit_log_published (
  id             bigint      not null generated always as identity,
  sealed         timestamptz not null,
  time_published timestamptz not null default clock_timestamp(),

  constraint audit_log_published_pkey primary key (id)
) with (fillfactor = 10);
insert into audit_log_published (sealed, time_published)
select audit_log_instant(0), audit_log_instant(0) from generate_series(1, 2);

create view audit_log_horizon as select max(sealed) as sealed from audit_log_published;

-- The key ranges of completers and of the sealer do not meet: this one is negative.
create function audit_log_sealer_key() returns bigint language sql stable
return -1 - audit_log_lock_namespace();

-- Locks under which entries are being completed in this database, and the start of their transactions.
create view audit_log_horizon_holders as
  select pid, audit_log_instant((key & ((1::bigint << 42) - 1)) * 1000) as time_started
    from (select pid, (classid::bigint << 32) | objid::bigint as key
            from pg_locks
           where locktype = 'advisory' and objsubid = 1 and granted
             and database = (select oid from pg_database where datname = current_database())) advisory
   where key >> 42 = audit_log_lock_namespace();

-- Answers the horizon: no entry will ever be added, changed or removed at or before it. Read entries up to it in a
-- LATER statement, on the same server, under a snapshot that is not older than the answer.
--
-- Cheap when `target` is sealed already: no lock and no write. Otherwise it goes as far as it can, which may be less
-- than `target`. On a standby, and in a read-only transaction, it answers what has been published and writes nothing.
create function audit_log_seal(target timestamptz default 'infinity') returns timestamptz
language plpgsql volatile security definer set search_path from current as $$
declare
  horizon timestamptz;
  published timestamptz;
  is_recent boolean;
  raised bigint;
begin
  select max(sealed), max(time_published) filter (where time_published <= clock_timestamp())
    into horizon, published from audit_log_published;
  if target <= horizon or current_setting('transaction_read_only')::boolean then
    return horizon;
  end if;

  begin
    -- One sealer at a time, because the counters are read and then written. None takes long, but anybody can take the
    -- lock, and a process can be stopped while it has it: then readers get what has been sealed.
    perform set_config('lock_timeout', '2s', true);
    perform pg_advisory_xact_lock(audit_log_sealer_key());
    -- At least one microsecond higher, so that while the clock is behind, what was stamped above the floor is reached. Above
    -- the other counter too, because in a restored dump that one may be ahead (`audit_log_stamp`).
    select greatest(audit_log_microseconds(audit_log_clock()), floor.last_value + 1, sealed.last_value + 1)
      into raised from audit_log_floor as floor, audit_log_sealed as sealed;
    perform setval('audit_log_floor', raised);
    -- After the floor was raised: a completer that is not seen here stamps above it, or is visible already.
    select least(audit_log_instant(raised), min(time_started) - interval '1 microsecond') into horizon
      from audit_log_horizon_holders;
    select greatest(horizon, audit_log_instant(last_value)) into horizon from audit_log_sealed;
    perform setval('audit_log_sealed', audit_log_microseconds(horizon));
    -- Rolling back this block lets go of the lock now, however long the caller keeps the transaction open, and on
    -- every way out. Counters and variables keep what they were set to.
    raise exception using errcode = 'SL001';
  exception
    when sqlstate 'SL001' then null;
    when lock_not_available then return horizon;
  end;

  -- In a statement of its own the answer leaves when this has committed, and then it is on disk, with all that was
  -- visible before.
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;
  is_recent := coalesce(published > clock_timestamp() - interval '500 ms', false);
  -- An old snapshot keeps every version of the row, and every page of a list reads them: then at most every 500 ms.
  if is_recent and pg_relation_size('audit_log_published') > 65536 then
    return horizon;
  end if;
  begin
    with free as (select id from audit_log_published where sealed < horizon order by id for update skip locked),
         others as (delete from audit_log_published where id in (select id from free offset 2))
    update audit_log_published set sealed = horizon, time_published = clock_timestamp()
     where id = (select id from free limit 1);
    -- A sealer that has just locked a row will publish. Several that stay in their transactions must keep nobody from it.
    if not found and not is_recent then
      insert into audit_log_published (sealed)
      select horizon where not exists (select from audit_log_published where sealed >= horizon);
    end if;
  exception when serialization_failure then
    null; -- under repeatable read: another one was published meanwhile
  end;
  return horizon;
end $$;

-- It writes as the owner, so it is granted to those who read, and not to everybody.
revoke execute on function audit_log_seal(timestamptz) from public;
