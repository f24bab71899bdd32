import type { RunnableConfig } from "@langchain/core/runnables";
import type { Checkpoint, CheckpointMetadata } from "@langchain/langgraph-checkpoint";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";

/**
 * Writes with each checkpoint what the run says about itself, above all its `run_id`: by it a later attempt
 * knows how far the run has come, and a rollback which checkpoints to delete. LangGraph for Python does this
 * in its savers; those for JavaScript leave it to the server.
 */
export class RunSaver extends PostgresSaver {
  override put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: Parameters<PostgresSaver["put"]>[3],
  ): Promise<RunnableConfig> {
    return super.put(config, checkpoint, { ...config.metadata, ...metadata }, newVersions);
  }
}
