import type { Client, ThreadState } from "@langchain/langgraph-sdk";

/** What the graphs of the fixtures work on. */
export interface Values {
  readonly items: string[];
  readonly messages: { content: string; type: string; id: string }[];
}

export const HI = { messages: [{ role: "user", content: "hi" }] };

export const checkpointIdOf = ({ checkpoint }: ThreadState<Values>): string => checkpoint.checkpoint_id ?? "";

/** Short ways to make threads on a server and to look at their states. It must serve the graph `steps`. */
export function threadStates(server: { readonly client: Client }) {
  const newThread = async (payload = {}): Promise<string> =>
    (await server.client.threads.create(payload)).thread_id;

  const run = async (threadId: string, graph: string, payload: object): Promise<Values> =>
    (await server.client.runs.wait(threadId, graph, payload)) as unknown as Values;

  const historyOf = (threadId: string, options = {}) =>
    server.client.threads.getHistory<Values>(threadId, options);

  return {
    newThread,
    run,
    historyOf,
    stateOf: (threadId: string) => server.client.threads.getState<Values>(threadId),

    /** A thread on which three steps were done. */
    async steppedThread(): Promise<string> {
      const threadId = await newThread();
      await run(threadId, "steps", { input: HI });
      return threadId;
    },

    /** The state at which a node was next. */
    async stateBefore(threadId: string, node: string): Promise<ThreadState<Values>> {
      const found = (await historyOf(threadId, { limit: 100 })).findLast(({ next }) => next.includes(node));
      if (found === undefined) throw new Error(`no state before ${node}`);
      return found;
    },
  };
}
