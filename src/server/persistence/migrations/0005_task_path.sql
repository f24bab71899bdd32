-- Where in the graph a task was when it wrote, by which the writes of parallel tasks are put in order. The name, the
-- type and the default are those that LangGraph has for it elsewhere; its saver for Postgres does not write it yet.
alter table checkpoint_writes add column if not exists task_path text not null default '';
