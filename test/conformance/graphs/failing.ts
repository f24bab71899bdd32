import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";

/** Fails after its first step. */
export const graph = new StateGraph(MessagesAnnotation)
  .addNode("first", () => ({}))
  .addNode("fail", () => {
    throw new TypeError("the graph failed");
  })
  .addEdge("__start__", "first")
  .addEdge("first", "fail")
  .addEdge("fail", "__end__")
  .compile();
