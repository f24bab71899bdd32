import { type BaseMessage, HumanMessage } from "@langchain/core/messages";
import { END, type GraphNode, MessagesValue, START, StateGraph, StateSchema } from "@langchain/langgraph";
import { z } from "zod";
import { LocalModel, type Reply } from "./local-model.ts";

const ResearchState = new StateSchema({ topic: z.string(), notes: z.array(z.string()).default([]) });

const search: GraphNode<typeof ResearchState> = ({ topic }) => ({ notes: [`${topic} has a history`] });
const check: GraphNode<typeof ResearchState> = ({ topic, notes }) => ({
  notes: [...notes, `${topic} has a future`],
});

/** The inner graph. It knows nothing of messages; stream with `stream_subgraphs` to watch its steps. */
const research = new StateGraph(ResearchState)
  .addNode("search", search)
  .addNode("check", check)
  .addEdge(START, "search")
  .addEdge("search", "check")
  .addEdge("check", END)
  .compile();

const State = new StateSchema({ messages: MessagesValue, notes: z.array(z.string()).default([]) });

/** Two different states meet here: the message becomes a topic, and only the notes come back. */
const delegate: GraphNode<typeof State> = async ({ messages }) => {
  const { notes } = await research.invoke({ topic: messages.at(-1)?.text ?? "" });
  return { notes };
};

const model = new LocalModel(reply);

const report: GraphNode<typeof State> = async ({ notes }) => ({
  messages: [await model.invoke([new HumanMessage(notes.join("\n"))])],
});

/** A graph that runs another as one of its steps. */
export const graph = new StateGraph(State)
  .addNode("delegate", delegate)
  .addNode("report", report)
  .addEdge(START, "delegate")
  .addEdge("delegate", "report")
  .addEdge("report", END)
  .compile();

function reply(messages: BaseMessage[]): Reply {
  const notes = (messages.at(-1)?.text ?? "").split("\n");
  return { text: `I found ${notes.length} things: ${notes.join(", ")}.` };
}
