import { type BaseMessage, HumanMessage } from "@langchain/core/messages";
import { END, type GraphNode, MessagesValue, START, StateGraph, StateSchema } from "@langchain/langgraph";
import { LocalModel, type Reply } from "./local-model.ts";

/** What a thread remembers. New messages are appended to those already there. */
const State = new StateSchema({ messages: MessagesValue });

const model = new LocalModel(reply);

const answer: GraphNode<typeof State> = async ({ messages }) => ({
  messages: [await model.invoke(messages)],
});

/** A conversation: every run adds an answer to the messages of its thread. */
export const graph = new StateGraph(State)
  .addNode("answer", answer)
  .addEdge(START, "answer")
  .addEdge("answer", END)
  .compile();

function reply(messages: BaseMessage[]): Reply {
  const said = messages.filter((message) => HumanMessage.isInstance(message));
  return { text: `You said "${said.at(-1)?.text}". This is message ${said.length} of our conversation.` };
}
