import { type BaseMessage, ToolMessage } from "@langchain/core/messages";
import { createAgent, tool } from "langchain";
import { z } from "zod";
import { LocalModel, type Reply } from "./local-model.ts";

const add = tool(({ a, b }) => String(a + b), {
  name: "add",
  description: "Adds two numbers.",
  schema: z.object({ a: z.number(), b: z.number() }),
});

/** LangChain's agent loop: the model calls tools until it has an answer. Ask it for "2 + 3". */
export const graph = createAgent({ model: new LocalModel(reply), tools: [add] });

function reply(messages: BaseMessage[]): Reply {
  const last = messages.at(-1);
  if (ToolMessage.isInstance(last)) return { text: `The sum is ${last.text}.` };

  const sum = /(\d+)\s*\+\s*(\d+)/.exec(last?.text ?? "");
  if (sum === null) return { text: 'Ask me for a sum, such as "2 + 3".' };
  return { text: "", toolCall: { name: "add", args: { a: Number(sum[1]), b: Number(sum[2]) } } };
}
