-- The statements that write checkpoints carry the fence themselves, and those that write what else an attempt leaves
-- behind do too: a function that Postgres calls for each row costs more, and saw checkpoints only.
drop trigger require_attempt on checkpoints;
drop function require_attempt();
