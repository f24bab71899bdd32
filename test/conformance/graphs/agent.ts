import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { ScriptedModel, say } from "./model.ts";

const model = new ScriptedModel((messages) => say(`You said: ${messages.at(-1)?.text}`));

/** Answers with what it was told, a word at a time. It waits at a word in brackets, which is a gate's name. */
export const graph = new StateGraph(MessagesAnnotation)
  .addNode("model", async ({ messages }, { writer }) => {
    writer?.({ progress: "thinking" });
    return { messages: [await model.invoke(messages)] };
  })
  .addEdge("__start__", "model")
  .addEdge("model", "__end__")
  .compile();
