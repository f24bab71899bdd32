import { AIMessage } from "@langchain/core/messages";
import {
  Command,
  END,
  type GraphNode,
  interrupt,
  MessagesValue,
  START,
  StateGraph,
  StateSchema,
} from "@langchain/langgraph";
import { loadModel } from "./model.ts";

/** What a thread remembers. New messages are appended to those already there. */
const State = new StateSchema({ messages: MessagesValue });

const answer: GraphNode<typeof State> = async ({ messages }) => {
  const model = await loadModel();
  return { messages: [await model.invoke(messages)] };
};

/** Pauses the run, across restarts if need be, until somebody resumes it with "yes" or anything else. */
const confirm: GraphNode<typeof State> = ({ messages }) => {
  const decision = interrupt<{ question: string }, string>({
    question: `"${messages.at(-1)?.text}" - go ahead? (yes/no)`,
  });
  if (decision === "yes") return new Command({ goto: "answer" });
  return new Command({ goto: END, update: { messages: [new AIMessage("All right, I sent nothing.")] } });
};

export const graph = new StateGraph(State)
  .addNode("answer", answer)
  .addNode("confirm", confirm, { ends: ["answer", END] })
  .addConditionalEdges(
    START,
    ({ messages }) => (/\bsend\b/i.test(messages.at(-1)?.text ?? "") ? "confirm" : "answer"),
    ["confirm", "answer"],
  )
  .addEdge("answer", END)
  .compile();
