import { isJsonObject } from "../domain/json.ts";
import { type NewRunEvent, toRunFailure } from "../domain/run.ts";

type Outcome = "completed" | "failed" | "interrupted";

/**
 * Derives when each subgraph starts and how it ends from LangGraph's `tasks` stream.
 *
 * The last label of a subgraph's namespace is `node:task id`, and the task belongs to the graph above. So
 * a subgraph has started when the first item with its namespace arrives, and ends with its task's result.
 */
export function createLifecycleTracker() {
  const open = new Map<string, { readonly tool_call_id?: string }>();
  const toolCalls = new Map<string, string>();

  const emit = (namespace: readonly string[], data: object): NewRunEvent => ({
    event: ["lifecycle", ...namespace].join("|"),
    data: JSON.stringify({ ...data, namespace }),
  });

  return (namespace: readonly string[], mode: string, payload: unknown): NewRunEvent[] => {
    const events: NewRunEvent[] = [];
    for (let depth = 1; depth <= namespace.length; depth++) {
      const path = namespace.slice(0, depth);
      const key = path.join("|");
      if (open.has(key)) continue;
      const toolCall = toolCalls.get(key);
      const origin = toolCall === undefined ? {} : { tool_call_id: toolCall };
      open.set(key, origin);
      events.push(emit(path, { event: "started", ...origin }));
    }
    if (mode !== "tasks" || !isJsonObject(payload)) return events;

    const path = [...namespace, `${String(payload["name"])}:${String(payload["id"])}`];
    const key = path.join("|");
    if (!("result" in payload) && !("error" in payload)) {
      const toolCall = toolCallId(payload["input"]);
      if (toolCall !== null) toolCalls.set(key, toolCall);
      return events;
    }
    const origin = open.get(key);
    if (origin === undefined) return events;
    open.delete(key);
    const error = payload["error"] ?? null;
    events.push(
      emit(path, {
        event: outcomeOf(error, payload["interrupts"]),
        ...origin,
        ...(error !== null && { error: toRunFailure(error) }),
      }),
    );
    return events;
  };
}

function outcomeOf(error: unknown, interrupts: unknown): Outcome {
  if (error !== null) return "failed";
  return Array.isArray(interrupts) && interrupts.length > 0 ? "interrupted" : "completed";
}

/** The tool call that a task of a tool node executes. */
function toolCallId(input: unknown): string | null {
  const call = isJsonObject(input) ? (input["lg_tool_call"] ?? input["__tool_call"]) : null;
  return isJsonObject(call) && typeof call["id"] === "string" ? call["id"] : null;
}
