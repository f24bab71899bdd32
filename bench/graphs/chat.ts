import { setTimeout as sleep } from "node:timers/promises";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { type BaseChatModelParams, SimpleChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessageChunk, type BaseMessage } from "@langchain/core/messages";
import { ChatGenerationChunk } from "@langchain/core/outputs";
import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";

const TOKENS = Array.from({ length: 100 }, (_, index) => `word${index} `);

interface Pace extends BaseChatModelParams {
  /** How long each token takes; with 0 there is no pause at all. */
  readonly tokenMs: number;
}

/** Answers everything with the same hundred tokens. A class because LangChain asks for a model of its own. */
class HundredTokens extends SimpleChatModel {
  readonly #tokenMs: number;

  constructor({ tokenMs, ...params }: Pace) {
    super(params);
    this.#tokenMs = tokenMs;
  }

  override _llmType() {
    return "hundred-tokens";
  }

  override async _call() {
    return TOKENS.join("");
  }

  override async *_streamResponseChunks(
    _messages: BaseMessage[],
    _options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ) {
    for (const text of TOKENS) {
      if (this.#tokenMs > 0) await sleep(this.#tokenMs);
      const chunk = new ChatGenerationChunk({ text, message: new AIMessageChunk(text) });
      yield chunk;
      await runManager?.handleLLMNewToken(text, undefined, undefined, undefined, undefined, { chunk });
    }
  }
}

const chatWith = (model: HundredTokens) =>
  new StateGraph(MessagesAnnotation)
    .addNode("talk", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
    .addEdge("__start__", "talk")
    .addEdge("talk", "__end__")
    .compile();

export const graph = chatWith(new HundredTokens({ tokenMs: 0 }));

/** As fast as a model that a person can still read along with. */
export const pacedGraph = chatWith(new HundredTokens({ tokenMs: 50 }));
