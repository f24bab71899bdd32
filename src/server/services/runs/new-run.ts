import type { Assistant } from "../../domain/assistant.ts";
import { newId } from "../../domain/new-id.ts";
import type { NewRun } from "../../domain/run.ts";
import { mergeRunConfig } from "../../domain/run-config.ts";
import type { NodeReference } from "../../engine/require-nodes.ts";
import type { PreparedRun, RunCreate } from "./create-run.ts";

/** Every node that the request names, and where. */
export function namedNodes({ interrupt_before, interrupt_after, command }: RunCreate): NodeReference[] {
  const targets = [command?.goto ?? []]
    .flat()
    .map((target) => (typeof target === "string" ? target : target.node));
  return [
    ...toReferences("interrupt_before", interrupt_before === "*" ? [] : interrupt_before),
    ...toReferences("interrupt_after", interrupt_after === "*" ? [] : interrupt_after),
    ...toReferences(
      "command.goto",
      targets.filter((node) => node !== "__end__"),
    ),
  ];
}

const toReferences = (path: string, nodes: readonly string[] | null): NodeReference[] =>
  (nodes ?? []).map((node) => ({ path, node }));

/** @param request with its context already merged with the assistant's */
export function toNewRun(assistant: Assistant, threadId: string, request: RunCreate): NewRun {
  const { checkpoint, config, metadata, thread_id, multitask_strategy, after_seconds, on_completion } =
    request;
  const run_id = config.run_id ?? newId();
  return {
    run_id,
    thread_id: threadId,
    assistant_id: assistant.assistant_id,
    multitask_strategy,
    metadata: {
      ...assistant.metadata,
      ...metadata,
      graph_id: assistant.graph_id,
      assistant_id: assistant.assistant_id,
    },
    delete_thread: thread_id === null && on_completion === "delete",
    delaySeconds: after_seconds,
    kwargs: {
      graph_id: assistant.graph_id,
      input: request.input,
      command: request.command,
      config: mergeRunConfig(assistant, {
        run_id,
        thread_id: threadId,
        config: { ...config, configurable: { ...config.configurable, ...checkpoint } },
        metadata,
      }),
      context: request.context,
      stream_mode: request.stream_mode,
      stream_subgraphs: request.stream_subgraphs,
      stream_resumable: request.stream_resumable,
      interrupt_before: request.interrupt_before,
      interrupt_after: request.interrupt_after,
      durability: request.durability,
      strict_resume: request.strict_resume,
      feedback_keys: request.feedback_keys,
      langsmith_tracer: request.langsmith_tracer,
    },
  };
}

/** What a thread remembers of the run that was last queued on it. */
export const threadSettings = ({
  assistant,
  configurable,
}: Pick<PreparedRun, "assistant" | "configurable">) => ({
  metadata: { graph_id: assistant.graph_id, assistant_id: assistant.assistant_id },
  config: { configurable },
});
