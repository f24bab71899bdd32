import { tool } from "@langchain/core/tools";
import { createAgent } from "langchain";
import { z } from "zod";
import { callTool, ScriptedModel, say } from "./model.ts";

const researcher = createAgent({
  name: "researcher",
  model: new ScriptedModel((messages) => say(`I looked up ${messages.at(-1)?.text}.`)),
  tools: [],
});

const research = tool(
  async ({ topic }, config) => {
    const { messages } = await researcher.invoke({ messages: [{ role: "user", content: topic }] }, config);
    return messages.at(-1)?.text ?? "";
  },
  { name: "research", description: "Asks the researcher.", schema: z.object({ topic: z.string() }) },
);

/** An agent that hands its question to another agent, which is one of its tools. */
export const graph = createAgent({
  name: "supervisor",
  model: new ScriptedModel((messages) => {
    const last = messages.at(-1);
    return last?.type === "tool" ? say(`Found: ${last.text}`) : callTool("research", { topic: last?.text });
  }),
  tools: [research],
});
