-- The tables of the protocol: assistants and their versions, threads, and runs, which are also the queue.
-- Checkpoints and store items live in LangGraph's own tables.

create table assistants (
  assistant_id uuid primary key,
  owner text not null,
  graph_id text not null,
  name text not null,
  description text,
  config jsonb not null default '{}',
  context jsonb not null default '{}',
  metadata jsonb not null default '{}',
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index assistants_by_created_at on assistants (created_at desc, assistant_id);
create index assistants_by_metadata on assistants using gin (metadata jsonb_path_ops);

create table assistant_versions (
  assistant_id uuid not null references assistants on delete cascade,
  version integer not null,
  graph_id text not null,
  name text not null,
  description text,
  config jsonb not null,
  context jsonb not null,
  metadata jsonb not null,
  created_at timestamptz not null default now(),
  primary key (assistant_id, version)
);

create table threads (
  thread_id uuid primary key,
  owner text not null,
  metadata jsonb not null default '{}',
  config jsonb not null default '{}',
  status text not null default 'idle'
    constraint threads_status_known check (status in ('idle', 'busy', 'interrupted', 'error')),
  "values" jsonb,
  interrupts jsonb not null default '{}',
  error jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  state_updated_at timestamptz not null default now()
);
create index threads_by_created_at on threads (created_at desc, thread_id);
create index threads_by_updated_at on threads (updated_at desc, thread_id);
create index threads_by_status on threads (status, created_at desc);
create index threads_by_metadata on threads using gin (metadata jsonb_path_ops);

create table runs (
  run_id uuid primary key,
  thread_id uuid not null references threads on delete cascade,
  assistant_id uuid not null references assistants on delete cascade,
  owner text not null,
  status text not null default 'pending'
    constraint runs_status_known
      check (status in ('pending', 'running', 'success', 'error', 'timeout', 'interrupted')),
  multitask_strategy text not null
    constraint runs_multitask_strategy_known
      check (multitask_strategy in ('reject', 'enqueue', 'interrupt', 'rollback')),
  metadata jsonb not null default '{}',
  kwargs jsonb not null,
  -- The thread was made for this run and is deleted with it.
  delete_thread boolean not null default false,
  -- Order of the queue. Rows are inserted under a lock on the thread, so within one thread it is the
  -- order of the commits as well.
  seq bigint generated always as identity,
  available_at timestamptz not null default now(),
  attempt integer not null default 0,
  -- Attempts that ended because their worker disappeared. A hand-back is not one.
  crashes integer not null default 0,
  claimed_by text,
  lease_expires_at timestamptz,
  cancel_requested text
    constraint runs_cancel_requested_known check (cancel_requested in ('interrupt', 'rollback')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint runs_running_has_a_lease
    check ((status = 'running') = (claimed_by is not null)
       and (status = 'running') = (lease_expires_at is not null))
);

-- At most one running run per thread. claimRuns relies on it; do not drop.
create unique index runs_one_running_per_thread on runs (thread_id) where status = 'running';
create index runs_pending on runs (seq) where status = 'pending';
create index runs_unfinished_by_thread on runs (thread_id, seq) where status in ('pending', 'running');
create index runs_leases on runs (lease_expires_at) where status = 'running';
create index runs_by_thread on runs (thread_id, created_at desc);
create index runs_by_assistant on runs (assistant_id);
