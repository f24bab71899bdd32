import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";

export const graph = new StateGraph(MessagesAnnotation)
  .addNode("say", () => ({}))
  .addEdge("__start__", "say")
  .compile();
