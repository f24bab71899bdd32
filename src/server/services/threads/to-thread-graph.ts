import { isJsonObject } from "../../domain/json.ts";
import type { ThreadGraph } from "../../engine/thread-state.ts";

/** Which graph a thread talks to, which is that of its last run. Null before the first. */
export const toThreadGraph = (
  thread_id: string,
  { graph_id, configurable }: { readonly graph_id: unknown; readonly configurable: unknown },
): ThreadGraph | null =>
  typeof graph_id === "string"
    ? { graph_id, thread_id, configurable: isJsonObject(configurable) ? configurable : {} }
    : null;
