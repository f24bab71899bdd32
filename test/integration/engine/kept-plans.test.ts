import { beforeAll, expect, test } from "vitest";
import {
  READ_CHECKPOINT,
  READ_DELTAS,
  READ_LATEST_CHECKPOINT,
  READ_LATEST_DELTAS,
  readPage,
} from "../../../src/server/engine/checkpoint-statements.ts";
import { sharedDatabase } from "../../support/database.ts";

const database = sharedDatabase();
const CHECKPOINTS = 3000;

/** One long thread alone, of which a planner concludes that reading it takes whole tables. */
beforeAll(async () => {
  await database().query(
    `insert into checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint)
     select 'long', '', n, n - 1, jsonb_build_object('channel_versions', jsonb_build_object('a', n))
       from generate_series(1, ${CHECKPOINTS}) n`,
  );
  await database().query(
    `insert into checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
     select 'long', '', 'a', n, 'json', '1' from generate_series(1, ${CHECKPOINTS}) n`,
  );
  await database().query(
    `insert into checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob)
     select 'long', '', n, 'task', idx, 'a', 'json', '1'
       from generate_series(1, ${CHECKPOINTS}) n, generate_series(0, 2) idx`,
  );
  await database().query("analyze checkpoints, checkpoint_blobs, checkpoint_writes");
});

const PAGE = readPage("where thread_id = $1 and checkpoint_ns = $2 order by checkpoint_id desc limit $3");

test.each([READ_CHECKPOINT, READ_LATEST_CHECKPOINT, PAGE, READ_DELTAS, READ_LATEST_DELTAS])(
  "the plan that is kept of $name looks up what has a key",
  async ({ text }) => {
    const { rows } = await database().query<{ "QUERY PLAN": string }>(`explain (generic_plan) ${text}`);
    const steps = rows.map((row) => row["QUERY PLAN"]).filter((line) => /checkpoint|Join/.test(line));
    expect(steps.length).toBeGreaterThan(2);
    expect(steps.filter((step) => /(Seq Scan on|Bitmap|Hash Join|Merge Join)/.test(step))).toEqual([]);
  },
);
