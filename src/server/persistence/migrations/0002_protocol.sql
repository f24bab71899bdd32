-- Fields of the protocol that the first version refused.

alter table threads
  -- How long the thread may live, as it was asked for, and until when that is.
  add column ttl_strategy text
    constraint threads_ttl_strategy_known check (ttl_strategy in ('delete', 'keep_latest')),
  add column ttl_minutes double precision,
  add column expires_at timestamptz,
  -- Made for one stateless run and deleted with it; swept if that could not be.
  add column ephemeral boolean not null default false,
  add constraint threads_ttl_is_whole
    check ((ttl_strategy is null) = (ttl_minutes is null) and (ttl_strategy is null) = (expires_at is null));
create index threads_by_state_updated_at on threads (state_updated_at desc, thread_id);
create index threads_ephemeral on threads (created_at) where ephemeral;

-- What a client gave as the reason for cancelling.
alter table runs add column cancel_reason text;
