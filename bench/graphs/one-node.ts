import { Annotation, StateGraph } from "@langchain/langgraph";

const State = Annotation.Root({
  text: Annotation<string>,
  visits: Annotation<number>({ default: () => 0, reducer: (before, added) => before + added }),
});

export const graph = new StateGraph(State)
  .addNode("answer", ({ text }) => ({ text: `${text}!`, visits: 1 }))
  .addEdge("__start__", "answer")
  .addEdge("answer", "__end__")
  .compile();
