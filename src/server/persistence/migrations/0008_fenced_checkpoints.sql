-- A worker that was lost may not know it: a process that was paused wakes up in the middle of a step, and would
-- write its checkpoint over those of the attempt that has taken the run over, or of the runs after it. So a
-- checkpoint of a run is only taken from the attempt that has the run. In a trigger, because a check before the
-- statement holds as little as the worker's own clock: it can be paused in between.

create function require_attempt() returns trigger language plpgsql as $$
begin
  if not exists (
       select from runs
        where run_id = (new.metadata ->> 'run_id')::uuid
          and attempt = (new.metadata ->> 'run_attempt')::integer
          and status = 'running') then
    raise exception 'attempt % of run % is over: its checkpoint is not taken',
      new.metadata ->> 'run_attempt', new.metadata ->> 'run_id';
  end if;
  new.metadata := new.metadata - 'aegra_fenced';
  return new;
end $$;

-- Copies and updates by hand carry the id of a run, but not the mark.
create trigger require_attempt
  before insert on checkpoints
  for each row when (new.metadata ? 'aegra_fenced')
  execute function require_attempt();
