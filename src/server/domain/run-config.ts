import type { Assistant } from "./assistant.ts";
import type { JsonObject } from "./json.ts";
import type { RunConfig } from "./run.ts";

interface RunSettings {
  readonly run_id: string;
  readonly thread_id: string;
  readonly config: RunConfig;
  readonly metadata: JsonObject;
}

/**
 * The configuration a run executes with: the assistant's, overridden key by key by the run's own.
 *
 * `metadata.run_id` stays the same over all attempts. LangGraph compares it with the checkpoint's to tell
 * a retry, which goes on where the last attempt stopped, from a new run, which applies its input.
 */
export function mergeRunConfig(assistant: Assistant, run: RunSettings): RunConfig {
  const { run_id, thread_id } = run;
  const { assistant_id, graph_id } = assistant;
  const base = assistant.config as RunConfig;
  const ids = { run_id, thread_id, assistant_id, graph_id };
  // The run's id has its place among the ids; in the configuration it would only repeat it.
  const { run_id: _, ...config } = run.config;
  return {
    ...base,
    ...config,
    tags: [...new Set([...(base.tags ?? []), ...(run.config.tags ?? [])])],
    metadata: { ...assistant.metadata, ...base.metadata, ...run.config.metadata, ...run.metadata, ...ids },
    configurable: { ...base.configurable, ...run.config.configurable, ...ids },
  };
}

/** The assistant's context overridden by the run's. Null when there is neither. */
export function mergeContext(assistant: Assistant, context: JsonObject | null): JsonObject | null {
  const merged = { ...assistant.context, ...context };
  return Object.keys(merged).length === 0 ? null : merged;
}
