import { type BaseMessage, HumanMessage } from "@langchain/core/messages";
import type { Reply } from "./local-model.ts";

/** What the stand-in answers: enough to see that the thread is remembered. */
export function reply(messages: BaseMessage[]): Reply {
  const said = messages.filter((message) => HumanMessage.isInstance(message));
  const lines = [
    `You said "${said.at(-1)?.text}".`,
    `This is message ${said.length} of our conversation${said.length > 1 ? `, which began with "${said[0]?.text}"` : ""}.`,
    "I am the local stand-in model: for real answers set ANTHROPIC_API_KEY or OPENAI_API_KEY in .env and restart.",
  ];
  return { text: lines.join(" ") };
}
