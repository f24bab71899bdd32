import {
  Command,
  END,
  type GraphNode,
  interrupt,
  START,
  StateGraph,
  StateSchema,
} from "@langchain/langgraph";
import { z } from "zod";

const State = new StateSchema({
  topic: z.string(),
  draft: z.string().default(""),
  status: z.enum(["drafted", "published", "discarded"]).default("drafted"),
});

/** What the run shows to the person who decides, and what it takes for an answer. */
interface Question {
  question: string;
  draft: string;
}
type Decision = { type: "approve" } | { type: "edit"; draft: string } | { type: "reject" };

const write: GraphNode<typeof State> = ({ topic }) => ({
  draft: `Everything about ${topic}, in one sentence.`,
});

/** Stops here, across restarts of the server if need be, until somebody resumes the run with a Decision. */
const review: GraphNode<typeof State> = ({ draft }) => {
  const decision = interrupt<Question, Decision>({ question: "Publish this?", draft });
  if (decision.type === "reject") return new Command({ goto: END, update: { status: "discarded" } });
  return new Command({ goto: "publish", update: decision.type === "edit" ? { draft: decision.draft } : {} });
};

const publish: GraphNode<typeof State> = () => ({ status: "published" });

/** A person in the loop: approves, edits or rejects what the graph wrote. */
export const graph = new StateGraph(State)
  .addNode("write", write)
  .addNode("review", review, { ends: ["publish", END] })
  .addNode("publish", publish)
  .addEdge(START, "write")
  .addEdge("write", "review")
  .addEdge("publish", END)
  .compile();
