import { AIMessage } from "@langchain/core/messages";
import { interrupt, MessagesAnnotation, StateGraph } from "@langchain/langgraph";

/** Asks before it answers. */
export const graph = new StateGraph(MessagesAnnotation)
  .addNode("ask", () => {
    const answer = interrupt<{ question: string }, unknown>({ question: "Shall I?" });
    return { messages: [new AIMessage(`You answered: ${JSON.stringify(answer)}`)] };
  })
  .addNode("done", () => ({}))
  .addEdge("__start__", "ask")
  .addEdge("ask", "done")
  .addEdge("done", "__end__")
  .compile();
