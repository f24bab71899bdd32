import { Annotation, StateGraph } from "@langchain/langgraph";

const State = Annotation.Root({
  text: Annotation<string>,
  visits: Annotation<number>({ default: () => 0, reducer: (before, added) => before + added }),
});

const visit = ({ text }: typeof State.State) => ({ text: `${text}!`, visits: 1 });

export const graph = new StateGraph(State)
  .addNode("first", visit)
  .addNode("second", visit)
  .addNode("third", visit)
  .addNode("fourth", visit)
  .addNode("fifth", visit)
  .addEdge("__start__", "first")
  .addEdge("first", "second")
  .addEdge("second", "third")
  .addEdge("third", "fourth")
  .addEdge("fourth", "fifth")
  .addEdge("fifth", "__end__")
  .compile();
