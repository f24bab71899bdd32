import { randomUUID } from "node:crypto";
import type { Client, Message, ThreadState } from "@langchain/langgraph-sdk";
import { connect } from "./sdks.ts";

/** The state of every graph here. */
export interface Values {
  readonly messages: readonly Message[];
}

export const human = (content: string) => ({ type: "human" as const, content });

export const input = (content: string) => ({ messages: [human(content)] });

export const textsOf = (values: unknown): unknown[] =>
  ((values as Values | null)?.messages ?? []).map(({ content }) => content);

/** Words that make the agent wait in the middle of its answer, until the gate is opened. */
export function createGate(): { readonly words: string; open(): Promise<void> } {
  const name = randomUUID();
  return {
    words: `before [${name}] after`,
    open: () => connect().store.putItem(["gates"], name, { open: true }),
  };
}

export async function newThread(client: Client): Promise<string> {
  const { thread_id } = await client.threads.create();
  return thread_id;
}

export const stateOf = (client: Client, threadId: string): Promise<ThreadState<Values>> =>
  client.threads.getState<Values>(threadId);
