-- What happened on a thread is written when another process asks for it, which may be some time after it happened.
-- Whoever follows the thread from now on must be able to tell it from what happens now.

alter table thread_entries add column is_past boolean not null default false;
