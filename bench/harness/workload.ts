import type { BenchClient, StreamResult } from "./client.ts";
import type { FloorTask } from "./floor-process.ts";

export const SHORT_INPUT = { text: "hello" };
export const CHAT_INPUT = { messages: [{ role: "user", content: "Say a hundred words." }] };
export const TOKENS_PER_CHAT = 100;

const STREAM_MODE = ["values", "updates", "messages-tuple"];

export const inputOf = (graph: FloorTask["graph"]): object => (graph === "chat" ? CHAT_INPUT : SHORT_INPUT);

export async function createThread(client: BenchClient): Promise<string> {
  const { thread_id } = await client.post<{ thread_id: string }>("/threads", {});
  return thread_id;
}

/** Makes a thread, runs a graph on it and waits for its end. */
export async function runOnNewThread(client: BenchClient, graph: FloorTask["graph"]): Promise<number> {
  await runOnThread(client, await createThread(client), graph);
  return 1;
}

export async function runOnThread(
  client: BenchClient,
  threadId: string,
  graph: FloorTask["graph"],
): Promise<void> {
  const result = await client.post<Record<string, unknown>>(`/threads/${threadId}/runs/wait`, {
    assistant_id: graph,
    input: inputOf(graph),
  });
  if ("__error__" in result) throw new Error(`a run failed: ${JSON.stringify(result)}`);
}

/** Streams a run to its end, also when it fails. */
export async function streamOnThread(
  client: BenchClient,
  threadId: string,
  graph: "chat" | "paced-chat",
): Promise<StreamResult> {
  return client.stream(`/threads/${threadId}/runs/stream`, {
    assistant_id: graph,
    input: CHAT_INPUT,
    stream_mode: STREAM_MODE,
  });
}

/** The same. @throws Error when the run failed or a token is missing */
export async function streamWholeChat(
  client: BenchClient,
  threadId: string,
  graph: "chat" | "paced-chat",
): Promise<StreamResult> {
  const result = await streamOnThread(client, threadId, graph);
  if (result.error !== null) throw new Error(`a streamed run failed: ${result.error}`);
  if (result.tokens < TOKENS_PER_CHAT) throw new Error(`a stream lost tokens: ${JSON.stringify(result)}`);
  return result;
}
