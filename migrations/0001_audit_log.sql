-- The audit log: one row an entry. Run under `set search_path to <schema>, pg_temp`; no name here is qualified.
-- The bodies of SQL functions are bound to their names when they are created, so that no later search_path can
-- lead them elsewhere; functions in plpgsql carry the path of this migration for the same reason.

-- Functions that run as the owner keep the path that they are created under. Without pg_temp at its end temporary
-- tables come first, and anybody's could stand in for ours.
do $$ begin
  if current_setting('search_path') !~ ', *"?pg_temp"?$' then
    raise exception 'search_path: expected `<schema>, pg_temp`, got `%`', current_setting('search_path');
  end if;
end $$;

-- Text is cut to so many characters before it comes here, and may be in any script: both take UTF-8.
do $$ begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'encoding of the database: expected UTF8, got %', current_setting('server_encoding');
  end if;
end $$;

-- The one clock of the audit log. Tests replace this function to step the time.
create function audit_log_clock() returns timestamptz language sql volatile
return clock_timestamp();

-- Instants are counted in whole microseconds since 1970, exact in both directions. Whole hours apart from the rest: an
-- interval is multiplied in double precision, and so many microseconds are exact up to the year 2255 only.
create function audit_log_microseconds(instant timestamptz) returns bigint language sql immutable strict parallel safe
return (extract(epoch from instant) * 1000000)::bigint;

create function audit_log_instant(microseconds bigint) returns timestamptz language sql immutable strict parallel safe
return timestamptz '1970-01-01 00:00:00+00'
     + microseconds / 3600000000 * interval '1 hour' + microseconds % 3600000000 * interval '1 microsecond';

-- A UUID of version 7 (RFC 9562, 5.7): 48 bits of milliseconds, then a random UUID whose version 4 becomes 7.
create function audit_log_uuid() returns uuid language sql volatile
return encode(
  set_bit(set_bit(
    overlay(
      uuid_send(gen_random_uuid())
      placing substring(int8send(audit_log_microseconds(audit_log_clock()) / 1000) from 3) from 1 for 6),
    52, 1), 53, 1),
  'hex')::uuid;

create table audit_log (
  id               uuid        not null default audit_log_uuid(),
  time_started     timestamptz not null default audit_log_clock(),
  operation_id     text        not null,
  actor_kind       text        not null,
  actor_id         text,
  tenant_id        text,
  auth_method      text,
  credential_id    text,
  request_id       text,
  request_uri      text,
  source_ip        inet,
  user_agent       text,
  resource_type    text,
  resource_id      text,
  details          jsonb,
  instance_id      text,       -- the process that began the entry
  time_completed   timestamptz, -- null while incomplete; stamped by the database, never by a caller
  result_kind      text,       -- timeout: nobody recorded an outcome in time. Readers see `unknown`
  http_status_code integer,
  error_code       text,
  error_message    text,
  amends           uuid,       -- the timed-out entry whose late outcome this entry records

  constraint audit_log_pkey primary key (id),
  constraint audit_log_time_started_finite check (isfinite(time_started) and time_started >= '0001-01-01 00:00:00+00'),
  constraint audit_log_operation_id_length check (char_length(operation_id) between 1 and 512),
  constraint audit_log_request_uri_length check (char_length(request_uri) <= 512),
  constraint audit_log_user_agent_length check (char_length(user_agent) <= 256),
  constraint audit_log_details_size check (octet_length(details::text) <= 16384),
  constraint audit_log_text_length check (
    greatest(char_length(actor_id), char_length(tenant_id), char_length(auth_method), char_length(credential_id),
             char_length(request_id), char_length(instance_id), char_length(error_code), char_length(resource_type),
             char_length(resource_id)) <= 512
  ),
  constraint audit_log_error_message_length check (char_length(error_message) <= 4096),
  constraint audit_log_resource_id_has_type check (resource_id is null or resource_type is not null),
  constraint audit_log_actor_kind_known check (actor_kind in ('user', 'service', 'system', 'anonymous')),
  constraint audit_log_actor_id_by_kind check (
    case actor_kind when 'anonymous' then actor_id is null when 'system' then true else coalesce(actor_id, '') <> '' end
  ),
  constraint audit_log_result_kind_known check (result_kind in ('success', 'error', 'timeout')),
  constraint audit_log_http_status_code_range check (http_status_code between 100 and 599),

  -- Which result fields go with which result: an entry that breaks one of these says something impossible.
  constraint audit_log_completed_iff_result check ((time_completed is null) = (result_kind is null)),
  constraint audit_log_incomplete_has_no_result check (
    result_kind is not null or num_nonnulls(http_status_code, error_code, error_message, amends) = 0
  ),
  constraint audit_log_success_has_no_error check (
    result_kind is distinct from 'success' or num_nonnulls(error_code, error_message) = 0
  ),
  constraint audit_log_error_has_message check (result_kind is distinct from 'error' or error_message is not null),
  constraint audit_log_timeout_has_no_outcome check (
    result_kind is distinct from 'timeout' or num_nonnulls(http_status_code, error_code, error_message, amends) = 0
  )
) with (
  -- Each completion leaves a dead row and a dead entry at the head of the index of incomplete entries. The default
  -- (a fifth of the table) would let a million pile up in a log of five million before the first vacuum.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 50000
);

-- The planner keeps samples of what a column holds, of incomplete entries too, and an operator that a reader makes is
-- shown them when a statement is planned. Nothing here needs samples: every statement follows an index in its order.
alter table audit_log
  alter operation_id set statistics 0, alter actor_kind set statistics 0, alter actor_id set statistics 0,
  alter tenant_id set statistics 0, alter auth_method set statistics 0, alter credential_id set statistics 0,
  alter request_id set statistics 0, alter request_uri set statistics 0, alter source_ip set statistics 0,
  alter user_agent set statistics 0, alter resource_type set statistics 0, alter resource_id set statistics 0,
  alter details set statistics 0, alter instance_id set statistics 0, alter http_status_code set statistics 0,
  alter error_code set statistics 0, alter error_message set statistics 0;

-- Serves readers: the completed past in its order.
create unique index audit_log_completed_by_time_completed on audit_log (time_completed, id)
  where time_completed is not null;

-- Serves the audit-timeout job: oldest incomplete entries first. Every entry enters and leaves it once.
create index audit_log_incomplete_by_time_started on audit_log (time_started, id)
  where time_completed is null;

-- One amendment an entry, however often a late completion is retried.
create unique index audit_log_amendment_by_amends on audit_log (amends)
  where amends is not null;

-- What readers may see. `timeout` is shown as `unknown`: it does not say that the operation failed, took effect or
-- timed out, only that its outcome was not recorded.
create view audit_log_complete as
  select id, time_started, operation_id, actor_kind, actor_id, tenant_id, auth_method, credential_id,
         request_id, request_uri, source_ip, user_agent, resource_type, resource_id, details, instance_id,
         time_completed, case result_kind when 'timeout' then 'unknown' else result_kind end as result_kind,
         http_status_code, error_code, error_message, amends
    from only audit_log
   where time_completed is not null;
