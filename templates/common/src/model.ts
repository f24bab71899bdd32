import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { LocalModel } from "./local-model.ts";
import { reply } from "./replies.ts";

/** The provider whose key is in .env, or else a local stand-in that needs neither key nor network. */
export async function loadModel(): Promise<BaseChatModel> {
  const { ANTHROPIC_API_KEY, OPENAI_API_KEY, MODEL } = process.env;

  // Imported only when used: a provider's SDK takes longer to load than the rest of the project.
  if (ANTHROPIC_API_KEY) {
    const { ChatAnthropic } = await import("@langchain/anthropic");
    return new ChatAnthropic({ model: MODEL || "claude-sonnet-4-5" });
  }
  if (OPENAI_API_KEY) {
    const { ChatOpenAI } = await import("@langchain/openai");
    return new ChatOpenAI({ model: MODEL || "gpt-5.1" });
  }
  return new LocalModel(reply);
}
