import { Annotation, StateGraph } from "@langchain/langgraph";
import { State } from "./state.ts";

const Context = Annotation.Root({ model: Annotation<string> });
const ChildState = Annotation.Root({ depth: Annotation<number> });

const child = new StateGraph(ChildState)
  .addNode("inner", () => ({ depth: 1 }))
  .addEdge("__start__", "inner")
  .compile();

export const graph = new StateGraph(State, Context)
  .addNode("say", () => ({ items: ["hello"] }))
  .addNode("child", child)
  .addEdge("__start__", "say")
  .addEdge("say", "child")
  .compile();

/** A second graph of the same file. */
export const counter = new StateGraph(Annotation.Root({ count: Annotation<number> }))
  .addNode("increment", () => ({ count: 1 }))
  .addEdge("__start__", "increment")
  .compile();

/** Cannot be made without a user; its types say what it takes. */
export const personal = ({ configurable }: { readonly configurable?: { readonly user?: string } }) => {
  if (configurable?.user === undefined) throw new Error("nobody is logged in");
  return counter;
};

/** Without a name, its types cannot be found. */
export default new StateGraph(ChildState)
  .addNode("inner", () => ({ depth: 1 }))
  .addEdge("__start__", "inner")
  .compile();
