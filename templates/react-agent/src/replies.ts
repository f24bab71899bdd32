import { type BaseMessage, ToolMessage } from "@langchain/core/messages";
import type { Reply } from "./local-model.ts";

const STAND_IN =
  "I am the local stand-in model: for real answers set ANTHROPIC_API_KEY or OPENAI_API_KEY in .env and restart.";

/** What the stand-in does: recognises a few requests, calls the tool for them, and reports its result. */
export function reply(messages: BaseMessage[]): Reply {
  const last = messages.at(-1);
  if (ToolMessage.isInstance(last)) return { text: `${last.name} says: ${last.text} ${STAND_IN}` };

  const request = last?.text ?? "";
  const sum = /(-?\d+(?:\.\d+)?)\s*([-+*/])\s*(-?\d+(?:\.\d+)?)/.exec(request);
  if (sum) {
    const [, a, operator, b] = sum;
    return { text: "", toolCall: { name: "calculator", args: { a: Number(a), operator, b: Number(b) } } };
  }
  const address = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/.exec(request);
  if (address) return { text: "", toolCall: { name: "send_email", args: { to: address[0], text: request } } };
  if (/\btime\b/i.test(request)) return { text: "", toolCall: { name: "current_time", args: {} } };

  return { text: `Ask me for "2 + 3", for the time, or to write to ada@example.com. ${STAND_IN}` };
}
