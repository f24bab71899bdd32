import { randomUUID } from "node:crypto";
import { defaultAssistantId } from "../../src/server/domain/assistant.ts";
import type { NewRun, Run } from "../../src/server/domain/run.ts";
import { insertAssistant } from "../../src/server/persistence/assistants.ts";
import type { Database } from "../../src/server/persistence/database.ts";
import { insertRun } from "../../src/server/persistence/runs.ts";
import { insertThread } from "../../src/server/persistence/threads.ts";

export const OWNER = "ada";
const ASSISTANT = defaultAssistantId("agent");

/** A thread in the database, without a server. */
export async function givenThread(db: Database): Promise<string> {
  const thread = await insertThread(db, OWNER, { thread_id: randomUUID(), metadata: {} });
  return thread?.thread_id ?? "";
}

/** A pending run in the database, without a server. A test names only what matters to it. */
export async function givenRun(db: Database, threadId: string, run: Partial<NewRun> = {}): Promise<Run> {
  await insertAssistant(db, OWNER, {
    assistant_id: ASSISTANT,
    graph_id: "agent",
    name: "agent",
    description: null,
    config: {},
    context: {},
    metadata: {},
  });
  const inserted = await insertRun(db, OWNER, {
    run_id: randomUUID(),
    thread_id: threadId,
    assistant_id: ASSISTANT,
    multitask_strategy: "enqueue",
    metadata: {},
    delete_thread: false,
    delaySeconds: 0,
    kwargs: {
      graph_id: "agent",
      input: null,
      command: null,
      config: {},
      context: null,
      stream_mode: ["values"],
      stream_subgraphs: false,
      stream_resumable: false,
      langsmith_tracer: null,
      interrupt_before: null,
      interrupt_after: null,
      durability: "async",
      strict_resume: false,
      feedback_keys: [],
    },
    ...run,
  });
  if (inserted === null) throw new Error(`run ${run.run_id} is there already`);
  return inserted;
}
