import type { RunnableConfig } from "@langchain/core/runnables";
import type { Checkpoint, CheckpointRef } from "../domain/checkpoint.ts";
import { isJsonObject } from "../domain/json.ts";

/** LangGraph's name for a checkpoint of a thread. */
export const toRunnableConfig = (threadId: string, checkpoint: CheckpointRef = {}): RunnableConfig => ({
  configurable: {
    thread_id: threadId,
    checkpoint_ns: checkpoint.checkpoint_ns ?? "",
    ...(checkpoint.checkpoint_id !== undefined && { checkpoint_id: checkpoint.checkpoint_id }),
    ...(checkpoint.checkpoint_map !== undefined && { checkpoint_map: checkpoint.checkpoint_map }),
  },
});

/** @returns null when the config names no thread */
export function toCheckpoint(config: unknown): Checkpoint | null {
  const configurable = isJsonObject(config) ? config["configurable"] : null;
  if (!isJsonObject(configurable) || typeof configurable["thread_id"] !== "string") return null;
  const { thread_id, checkpoint_ns, checkpoint_id, checkpoint_map } = configurable;
  return {
    thread_id,
    checkpoint_ns: typeof checkpoint_ns === "string" ? checkpoint_ns : "",
    checkpoint_id: typeof checkpoint_id === "string" ? checkpoint_id : null,
    checkpoint_map: isJsonObject(checkpoint_map) ? checkpoint_map : null,
  };
}
