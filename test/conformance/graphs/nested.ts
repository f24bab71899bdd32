import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { graph as agent } from "./agent.ts";
import { graph as asking } from "./questions.ts";

/** Has another graph as a node. */
export const graph = new StateGraph(MessagesAnnotation)
  .addNode("before", () => ({}))
  .addNode("child", agent)
  .addEdge("__start__", "before")
  .addEdge("before", "child")
  .addEdge("child", "__end__")
  .compile();

/** Has a graph that asks as a node. */
export const questions = new StateGraph(MessagesAnnotation)
  .addNode("child", asking)
  .addEdge("__start__", "child")
  .addEdge("child", "__end__")
  .compile();
