-- What runs stream, for whoever asks another process than the one that executes them, or asks later.
-- Unlogged: a crash of Postgres loses events, which readers are told, and nothing else; in return they cost no
-- write-ahead log, and their commits wait for no disk.

create unlogged table run_events (
  run_id text collate "C" not null,
  -- Rises within a run, without gaps within an attempt.
  seq bigint not null,
  event text not null,
  -- JSON, but as text: it is passed on as it is, and may hold what jsonb refuses.
  data text not null,
  primary key (run_id, seq)
);

-- How runs ended. There are events of a run as long as there is its row here, and before.
create unlogged table run_ends (
  run_id text collate "C" primary key,
  last_seq bigint not null,
  -- JSON. Null when nobody told the end: from then on the time counts after which the events go.
  result text,
  ended_at timestamptz not null default now()
);
create index run_ends_by_ended_at on run_ends (ended_at);

create unlogged table thread_entries (
  thread_id text collate "C" not null,
  ms bigint not null,
  n integer not null,
  kind text not null,
  run_id text collate "C",
  attempt integer,
  -- JSON.
  state text,
  created_at timestamptz not null default now(),
  primary key (thread_id, ms, n)
);
create index thread_entries_by_run on thread_entries (run_id) where run_id is not null;
create index thread_entries_of_states on thread_entries (created_at) where run_id is null;

-- Compressing costs more than the room for the few minutes that an event stays.
alter table run_events alter column data set storage external;
alter table run_ends alter column result set storage external;
alter table thread_entries alter column state set storage external;
