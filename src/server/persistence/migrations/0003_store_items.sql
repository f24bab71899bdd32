-- What an item was put with, next to what LangGraph's table keeps of it. Columns of that table, and not a
-- table of our own, so that they come and go with their item whoever deletes it. LangGraph names the columns
-- it reads and writes, so these do not concern it.

alter table store
  -- Which fields are found by meaning, as the item asked for: false for none, a list of paths, null for the
  -- configured ones.
  add column index_fields jsonb,
  -- How long the item lives when its time starts anew. Null for items that stay, and for those of LangGraph.
  add column ttl_minutes double precision;

-- LangGraph's trigger takes every change for one of the item. Starting its time anew, which reading does, is
-- none; and a search sorts by the time of the last change.
drop trigger if exists update_store_updated_at on store;
create trigger update_store_updated_at
  before update of value on store
  for each row execute function update_updated_at_column();
