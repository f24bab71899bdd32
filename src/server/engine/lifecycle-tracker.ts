import { isJsonObject, type JsonObject } from "../domain/json.ts";
import { type NewRunEvent, toRunFailure } from "../domain/run.ts";

type Outcome = "completed" | "failed" | "interrupted";

/**
 * Derives when each subgraph starts and how it ends from LangGraph's `tasks` stream.
 *
 * The last label of a subgraph's namespace is `node:task id`, and the task belongs to the graph above. So
 * a subgraph has started when the first item with its namespace arrives, and ends with its task's result.
 */
export function createLifecycleTracker() {
  const open = new Map<string, Origin>();
  const toolCalls = new Map<string, string>();

  const start = (namespace: readonly string[]): NewRunEvent[] => {
    const key = namespace.join("|");
    if (open.has(key)) return [];
    const toolCall = toolCalls.get(key);
    const origin = toolCall === undefined ? {} : { tool_call_id: toolCall };
    open.set(key, origin);
    return [toEvent(namespace, { event: "started", ...origin })];
  };

  const finish = (namespace: readonly string[], task: JsonObject): NewRunEvent[] => {
    const origin = open.get(namespace.join("|"));
    if (origin === undefined || !open.delete(namespace.join("|"))) return [];
    const error = task["error"] ?? null;
    const failure = error === null ? {} : { error: toRunFailure(error) };
    const event = outcomeOf(error, task["interrupts"]);
    return [toEvent(namespace, { event, ...origin, ...failure })];
  };

  return (namespace: readonly string[], mode: string, payload: unknown): NewRunEvent[] => {
    const started = namespace.flatMap((_, index) => start(namespace.slice(0, index + 1)));
    if (mode !== "tasks" || !isJsonObject(payload)) return started;

    const below = [...namespace, `${String(payload["name"])}:${String(payload["id"])}`];
    if ("result" in payload || "error" in payload) return [...started, ...finish(below, payload)];
    const toolCall = toolCallId(payload["input"]);
    if (toolCall !== null) toolCalls.set(below.join("|"), toolCall);
    return started;
  };
}

interface Origin {
  readonly tool_call_id?: string;
}

const toEvent = (namespace: readonly string[], data: object): NewRunEvent => ({
  event: ["lifecycle", ...namespace].join("|"),
  data: JSON.stringify({ ...data, namespace }),
});

function outcomeOf(error: unknown, interrupts: unknown): Outcome {
  if (error !== null) return "failed";
  return Array.isArray(interrupts) && interrupts.length > 0 ? "interrupted" : "completed";
}

/** The tool call that a task of a tool node executes. */
function toolCallId(input: unknown): string | null {
  const call = isJsonObject(input) ? (input["lg_tool_call"] ?? input["__tool_call"]) : null;
  return isJsonObject(call) && typeof call["id"] === "string" ? call["id"] : null;
}
