-- The rules of an entry's life, kept whoever writes. Each refusal is an error 23001 (restrict_violation) that names
-- the entry in its message and the rule in its constraint field, as a CHECK would.

create function audit_log_refuse(rule text, message text, condition text default 'restrict_violation') returns void
language plpgsql as $$
begin
  raise exception using errcode = condition, constraint = rule, table = 'audit_log',
    message = message, detail = format('rule: %s', rule);
end $$;

-- The CHECK that an outcome would break, or null. The triggers ask before they add to the row what it was begun with: a CHECK
-- that fails shows the row, and a role that completes entries need not be able to read them.
create function audit_log_broken_rule(outcome audit_log, begun audit_log) returns text language sql immutable
return case
  when outcome.result_kind not in ('success', 'error', 'timeout') then 'audit_log_result_kind_known'
  when outcome.http_status_code not between 100 and 599 then 'audit_log_http_status_code_range'
  when char_length(outcome.error_code) > 512 or char_length(outcome.resource_type) > 512
    or char_length(outcome.resource_id) > 512 then 'audit_log_text_length'
  when char_length(outcome.error_message) > 4096 then 'audit_log_error_message_length'
  when octet_length(outcome.details::text) > 16384 then 'audit_log_details_size'
  when outcome.resource_id is not null and coalesce(outcome.resource_type, begun.resource_type) is null
    then 'audit_log_resource_id_has_type'
  when outcome.result_kind = 'success' and num_nonnulls(outcome.error_code, outcome.error_message) > 0
    then 'audit_log_success_has_no_error'
  when outcome.result_kind = 'error' and outcome.error_message is null then 'audit_log_error_has_message'
  when outcome.result_kind = 'timeout'
    and num_nonnulls(outcome.http_status_code, outcome.error_code, outcome.error_message, outcome.amends) > 0
    then 'audit_log_timeout_has_no_outcome'
end;

-- An entry is begun incomplete. Only an amendment is born completed: it takes from the entry that it amends what
-- that entry was begun with, so that the two cannot disagree.
create function audit_log_on_insert() returns trigger language plpgsql security definer
set search_path from current as $$
declare
  amended audit_log;
  broken text;
begin
  if new.time_completed is not null then
    perform audit_log_refuse('audit_log_time_completed_is_stamped',
      format('audit log entry %s: time_completed is stamped by the database and cannot be given', new.id));
  end if;
  -- A day is more than clocks differ.
  if new.time_started > audit_log_clock() + interval '1 day' then
    perform audit_log_refuse('audit_log_time_started_is_not_ahead',
      format('audit log entry %s: time_started is %s, more than a day ahead', new.id, new.time_started));
  end if;
  if new.amends is not null then
    select * into amended from audit_log where id = new.amends;
    if amended.result_kind is distinct from 'timeout' then
      perform audit_log_refuse('audit_log_amends_a_timeout',
        format('audit log entry %s: it can only amend an entry that timed out, and %s did not', new.id, new.amends));
    end if;
    -- Not by NOT NULL, which would show the row too, and that is the amended entry by then.
    if new.id is null then
      perform audit_log_refuse('audit_log_amendment_has_id',
        format('audit log entry: an amendment of %s needs an id, or none may be named', new.amends));
    end if;
    if new.result_kind is null then
      perform audit_log_refuse('audit_log_amendment_has_outcome',
        format('audit log entry %s: an amendment of %s is inserted with its outcome', new.id, new.amends));
    end if;
    broken := audit_log_broken_rule(new, amended);
    if broken is not null then
      perform audit_log_refuse(broken,
        format('audit log entry %s: its outcome violates check constraint "%s"', new.id, broken), 'check_violation');
    end if;
    new.time_started  := amended.time_started;
    new.operation_id  := amended.operation_id;
    new.actor_kind    := amended.actor_kind;
    new.actor_id      := amended.actor_id;
    new.tenant_id     := amended.tenant_id;
    new.auth_method   := amended.auth_method;
    new.credential_id := amended.credential_id;
    new.request_id    := amended.request_id;
    new.request_uri   := amended.request_uri;
    new.source_ip     := amended.source_ip;
    new.user_agent    := amended.user_agent;
    new.instance_id   := amended.instance_id;
    -- A resource is replaced as a whole: the id of another one would name what does not exist.
    if new.resource_type is null then
      new.resource_type := amended.resource_type;
      new.resource_id   := coalesce(new.resource_id, amended.resource_id);
    end if;
    new.details       := coalesce(new.details, amended.details);
    -- Later than what it amends, also when the clock has been set back.
    new.time_completed := greatest(audit_log_stamp(), amended.time_completed + interval '1 microsecond');
  elsif new.result_kind is not null then
    perform audit_log_refuse('audit_log_begun_before_completed',
      format('audit log entry %s: an entry is begun without a result and completed by an update', new.id));
  end if;
  return new;
end $$;

-- The first update that sets result_kind completes the entry, and there is no other update.
create function audit_log_on_update() returns trigger language plpgsql security definer
set search_path from current as $$
declare
  kept audit_log := new;
  generated jsonb;
  changed text;
  broken text;
begin
  if old.time_completed is not null then
    perform audit_log_refuse('audit_log_completed_is_final',
      format('audit log entry %s is completed as %s: a completed entry cannot be changed', old.id, old.result_kind));
  end if;
  if new.time_completed is not null then
    perform audit_log_refuse('audit_log_time_completed_is_stamped',
      format('audit log entry %s: time_completed is stamped by the database and cannot be given', old.id));
  end if;
  if new.result_kind is null then
    perform audit_log_refuse('audit_log_update_completes',
      format('audit log entry %s: the only update of an entry is its completion, which sets result_kind', old.id));
  end if;
  -- The whole row but for seven columns, so that a column added later is protected too. Compared byte by byte (`*<>`),
  -- because not every type has an equality operator.
  kept.result_kind      := old.result_kind;
  kept.http_status_code := old.http_status_code;
  kept.error_code       := old.error_code;
  kept.error_message    := old.error_message;
  kept.resource_type    := old.resource_type;
  kept.resource_id      := old.resource_id;
  kept.details          := old.details;
  if kept operator(pg_catalog.*<>) old then
    -- A stored generated column is computed after this, and is null in the new row until then.
    select jsonb_object_agg(attname, null) into generated
      from pg_attribute where attrelid = tg_relid and attgenerated = 's' and not attisdropped;
    if kept operator(pg_catalog.*<>) jsonb_populate_record(old, generated) then
      select string_agg(key, ', ') into changed
        from jsonb_each_text(to_jsonb(kept)) as given join jsonb_each_text(to_jsonb(old)) as begun using (key)
       where given.value is distinct from begun.value and not coalesce(generated ? key, false);
      perform audit_log_refuse('audit_log_begun_is_kept',
        format('audit log entry %s: completing it may set the result, the resource and the details, and not %s',
               old.id, coalesce(changed, 'the bytes of another column')));
    end if;
  end if;
  -- What a completion does not give is kept, and a resource as a whole.
  if new.details is null or new.resource_type is null then
    broken := audit_log_broken_rule(new, old);
    if broken is not null then
      perform audit_log_refuse(broken,
        format('audit log entry %s: its outcome violates check constraint "%s"', old.id, broken), 'check_violation');
    end if;
    new.details := coalesce(new.details, old.details);
    if new.resource_type is null then
      new.resource_type := old.resource_type;
      new.resource_id   := coalesce(new.resource_id, old.resource_id);
    end if;
  end if;
  new.time_completed := audit_log_stamp();
  return new;
end $$;

-- What runs as the owner runs for the owner's table only: with the right to execute them, a role could attach these to a
-- table of its own, with columns of types that it made.
revoke execute on function audit_log_on_insert(), audit_log_on_update() from public;

create function audit_log_on_delete() returns trigger language plpgsql
set search_path from current as $$
begin
  perform audit_log_refuse('audit_log_is_kept', format('audit log entry %s cannot be deleted', old.id));
  return null;
end $$;

create function audit_log_on_truncate() returns trigger language plpgsql
set search_path from current as $$
begin
  perform audit_log_refuse('audit_log_is_kept', 'the audit log cannot be truncated');
  return null;
end $$;

-- Whoever may time entries out, as the worker may, cannot thereby say how an operation ended: that takes the right to
-- update the columns that an outcome has. Not `security definer`: it is about the role that sent the update.
create function audit_log_on_outcome() returns trigger language plpgsql
set search_path from current as $$
begin
  raise exception using errcode = 'insufficient_privilege', constraint = 'audit_log_outcome_is_permitted', table = 'audit_log',
    message = format('audit log entry %s: role %s may complete it as timeout only', old.id, current_user),
    detail = 'rule: audit_log_outcome_is_permitted';
end $$;

-- Before audit_log_complete: triggers of a kind fire in the order of their names.
create trigger audit_log_authorize before update on audit_log for each row
  when (new.result_kind <> 'timeout' and not has_column_privilege('audit_log'::regclass, 'http_status_code', 'update'))
  execute function audit_log_on_outcome();
create trigger audit_log_begin    before insert   on audit_log for each row       execute function audit_log_on_insert();
create trigger audit_log_complete before update   on audit_log for each row       execute function audit_log_on_update();
create trigger audit_log_delete   before delete   on audit_log for each row       execute function audit_log_on_delete();
create trigger audit_log_truncate before truncate on audit_log for each statement execute function audit_log_on_truncate();
