import { deltaChannelHistoryTests, validate } from "@langchain/langgraph-checkpoint-validation";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from "vitest";
import { createCheckpointer } from "../../../src/server/engine/memory.ts";
import { isDatabaseUnavailable } from "../../../src/server/persistence/database.ts";
import { sharedDatabase } from "../../support/database.ts";

// LangGraph's suite finds what it is written with where vitest's `globals` would put it.
Object.assign(globalThis, { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test });

const database = sharedDatabase();

const suite = {
  checkpointerName: "the saver of the server",
  createCheckpointer: () => createCheckpointer(database().pool, isDatabaseUnavailable),
  // One database for all: each saver finds it without checkpoints, as if it were new.
  async destroyCheckpointer() {
    await database().query("truncate checkpoints, checkpoint_blobs, checkpoint_writes");
  },
};

validate(suite);
// Not among those of validate, as of 1.1.1.
deltaChannelHistoryTests(suite);
