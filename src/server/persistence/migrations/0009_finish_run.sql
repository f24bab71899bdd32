-- The end of a run, which is written for each one: a lock, then what is read under it, then rows, in one trip. Each
-- statement of a function sees what was committed before it, so the run that another server creates while this one
-- waits for the lock is seen; within one statement it would not be.

-- Ends a run and leaves what it made of its thread, which stays busy while other runs are waiting, or deletes the
-- thread if it was made for this run. Returns whether there are other runs on it; null when the lease was lost.
create function finish_run_on_thread(
  ended_run uuid, on_thread uuid, by_worker text, by_attempt integer, run_status text,
  thread_status text, thread_values jsonb, thread_interrupts jsonb, thread_error jsonb, has_checkpoints boolean
) returns boolean language plpgsql as $$
declare
  deletes_thread boolean;
  has_more boolean;
begin
  perform from threads where thread_id = on_thread for update;
  -- Without its thread, the run's row is gone too.
  if not found then return null; end if;

  update runs
     set status = run_status, claimed_by = null, lease_expires_at = null, updated_at = now(),
         -- A run that came to its end before it could be stopped was not cancelled after all.
         cancel_reason = case when run_status = 'interrupted' and cancel_requested is not null then cancel_reason end
   where run_id = ended_run and claimed_by = by_worker and attempt = by_attempt and status = 'running'
  returning delete_thread into deletes_thread;
  if not found then return null; end if;

  if deletes_thread then
    delete from threads where thread_id = on_thread;
    if has_checkpoints then
      delete from checkpoint_blobs where thread_id = on_thread::text;
      delete from checkpoint_writes where thread_id = on_thread::text;
      delete from checkpoints where thread_id = on_thread::text;
    end if;
    return false;
  end if;

  has_more := exists (select from runs where thread_id = on_thread and status in ('pending', 'running'));
  update threads
     set status = case when has_more then 'busy' else thread_status end,
         "values" = coalesce(thread_values, "values"), interrupts = thread_interrupts, error = thread_error,
         updated_at = now(), state_updated_at = now()
   where thread_id = on_thread;
  return has_more;
end $$;
