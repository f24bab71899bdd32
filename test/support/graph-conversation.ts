import { pathToFileURL } from "node:url";
import type { AIMessageChunk, BaseMessage } from "@langchain/core/messages";
import { Command, MemorySaver, type Pregel } from "@langchain/langgraph";
import { tsImport } from "tsx/esm/api";

/** What the tests need of a compiled graph, whatever its state is. */
type Graph = Pick<Pregel<never, never>, "checkpointer" | "invoke" | "stream">;

interface Turn {
  readonly messages: BaseMessage[];
  readonly __interrupt__?: readonly { readonly value: unknown }[];
}

/** One thread of a graph, with a checkpointer as the server would give it one. */
export interface Conversation {
  say(text: string): Promise<Turn>;
  resume(value: unknown): Promise<Turn>;
  /** The answer in the pieces it was streamed in. */
  stream(text: string): Promise<string[]>;
}

/** A compiled graph, or an agent of LangChain around one. */
export type Graphlike = object;

/** @param path of a module that exports it as `graph`, absolute */
export async function importGraph(path: string): Promise<Graphlike> {
  const { graph } = (await tsImport(pathToFileURL(path).href, import.meta.url)) as { graph: Graphlike };
  return graph;
}

export function startConversation(graph: Graphlike): Conversation {
  const compiled = ("graph" in graph ? graph.graph : graph) as Graph;
  compiled.checkpointer = new MemorySaver();

  const thread = { configurable: { thread_id: "1" } };
  const invoke = async (input: unknown) => (await compiled.invoke(input as never, thread)) as Turn;
  const toInput = (content: string) => ({ messages: [{ role: "user", content }] });
  return {
    say: (text) => invoke(toInput(text)),
    resume: (value) => invoke(new Command({ resume: value })),
    async stream(text) {
      const pieces: string[] = [];
      const chunks = await compiled.stream(toInput(text) as never, { ...thread, streamMode: "messages" });
      for await (const [chunk] of chunks as AsyncIterable<[AIMessageChunk]>) pieces.push(chunk.text);
      return pieces;
    },
  };
}

export const answerOf = ({ messages }: Turn): string => messages.at(-1)?.text ?? "";

export const questionOf = ({ __interrupt__ }: Turn): string =>
  (__interrupt__?.[0]?.value as { question: string } | undefined)?.question ?? "";
