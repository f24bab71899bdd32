-- What the life of a run needs besides: how long it may take, which graph it is for, and which request it answers.

alter table runs
  -- When its last attempt began. Kept after its end.
  add column claimed_at timestamptz,
  -- A column of its own, because kwargs hold the input and are large.
  add column graph_id text generated always as (kwargs ->> 'graph_id') stored;
update runs set claimed_at = updated_at where status = 'running';

-- Requests that may be sent twice and are to make their runs once. A key belongs to whoever used it.
create table idempotency_keys (
  owner text not null,
  key text not null,
  -- Of the request, so that another one with the same key is noticed.
  fingerprint text not null,
  -- The runs as they were answered, in the order of the request. Null only within the transaction that makes them.
  runs jsonb,
  expires_at timestamptz not null,
  primary key (owner, key)
);
create index idempotency_keys_by_expires_at on idempotency_keys (expires_at);
