-- The rules of an entry's life, kept whoever writes. Each refusal is an error 23001 (restrict_violation) that names
-- the entry in its message and the rule in its constraint field, as a CHECK would.

create function audit_log_refuse(rule text, message text) returns void language plpgsql as $$
begin
  raise exception using errcode = 'restrict_violation', constraint = rule, table = 'audit_log',
    message = message, detail = format('rule: %s', rule);
end $$;

-- An entry is begun incomplete. Only an amendment is born completed: it takes from the entry that it amends what
-- that entry was begun with, so that the two cannot disagree.
create function audit_log_on_insert() returns trigger language plpgsql security definer
set search_path from current as $$
declare
  amended audit_log;
begin
  if new.time_completed is not null then
    perform audit_log_refuse('audit_log_time_completed_is_stamped',
      format('audit log entry %s: time_completed is stamped by the database and cannot be given', new.id));
  end if;
  -- An entry begun in the future would never become stale. A day is more than clocks differ.
  if new.time_started > clock_timestamp() + interval '1 day' then
    perform audit_log_refuse('audit_log_time_started_is_not_ahead',
      format('audit log entry %s: time_started is %s, more than a day ahead', new.id, new.time_started));
  end if;
  if new.amends is not null then
    select * into amended from audit_log where id = new.amends;
    if amended.result_kind is distinct from 'timeout' then
      perform audit_log_refuse('audit_log_amends_a_timeout',
        format('audit log entry %s: it can only amend an entry that timed out, and %s did not', new.id, new.amends));
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
  if (new.id, new.time_started, new.operation_id, new.actor_kind, new.actor_id, new.tenant_id, new.auth_method,
      new.credential_id, new.request_id, new.request_uri, new.source_ip, new.user_agent, new.instance_id, new.amends)
     is distinct from
     (old.id, old.time_started, old.operation_id, old.actor_kind, old.actor_id, old.tenant_id, old.auth_method,
      old.credential_id, old.request_id, old.request_uri, old.source_ip, old.user_agent, old.instance_id, old.amends)
  then
    perform audit_log_refuse('audit_log_begun_is_kept',
      format('audit log entry %s: completing it may set the result, the resource and the details, and nothing else', old.id));
  end if;
  new.time_completed := audit_log_stamp();
  return new;
end $$;

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
