-- The statements that write checkpoints carry the fence themselves, and those that write what else an attempt leaves
-- behind do too: a function that Postgres calls for each row costs more, and saw checkpoints only.
drop trigger require_attempt on checkpoints;
drop function require_attempt();

alter table runs
  -- Whether it waits behind so many runs of its thread that claims no longer pass by it. See claimRuns.
  add column set_aside boolean not null default false;
drop index runs_pending;
create index runs_pending on runs (seq) where status = 'pending' and not set_aside;
create index runs_set_aside on runs (thread_id, seq) where status = 'pending' and set_aside;

-- The table keeps the runs that have ended, and of those that have not, as many may come and go in a minute. With
-- the usual settings, a fifth of all that were ever run would have to change before it is looked after.
alter table runs set (
  autovacuum_vacuum_threshold = 500,
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_analyze_threshold = 250,
  autovacuum_analyze_scale_factor = 0.005);

-- For statements that must never read the whole table, whatever was known of it when they were planned. See claimRuns.
create function one_at_a_time(key uuid) returns boolean
  language plpgsql immutable parallel safe cost 1000
  as 'begin return true; end';
