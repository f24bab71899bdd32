import { setTimeout as sleep } from "node:timers/promises";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessageChunk, type BaseMessage } from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs";

/** What the stand-in says, and the tool it wants to call, if any. */
export interface Reply {
  text: string;
  toolCall?: { name: string; args: Record<string, unknown> };
}

/** Pause between words, long enough to see them arrive. */
const WORD_MS = 15;

/** A chat model without a model: `reply` decides what it answers, and it streams that word by word. */
export class LocalModel extends BaseChatModel {
  readonly #reply: (messages: BaseMessage[]) => Reply;

  constructor(reply: (messages: BaseMessage[]) => Reply) {
    super({});
    this.#reply = reply;
  }

  override _llmType(): string {
    return "local";
  }

  // `reply` knows the tools by name, so there is nothing to bind.
  override bindTools(): this {
    return this;
  }

  override async _generate(
    messages: BaseMessage[],
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): Promise<ChatResult> {
    let whole = new ChatGenerationChunk({ text: "", message: new AIMessageChunk("") });
    for await (const chunk of this._streamResponseChunks(messages, options, runManager)) {
      whole = whole.concat(chunk);
    }
    return { generations: [whole] };
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    for (const message of toChunks(this.#reply(messages), messages.length)) {
      await sleep(WORD_MS, undefined, { ...(options.signal && { signal: options.signal }) });
      const chunk = new ChatGenerationChunk({ text: message.text, message });
      yield chunk;
      await runManager?.handleLLMNewToken(chunk.text, undefined, undefined, undefined, undefined, { chunk });
    }
  }
}

function toChunks({ text, toolCall }: Reply, turn: number): AIMessageChunk[] {
  const chunks = (text.match(/\S+\s*/g) ?? []).map((content) => new AIMessageChunk({ content }));
  if (toolCall) {
    const { name, args } = toolCall;
    const call = {
      type: "tool_call_chunk",
      index: 0,
      id: `call_${turn}`,
      name,
      args: JSON.stringify(args),
    } as const;
    chunks.push(new AIMessageChunk({ content: "", tool_call_chunks: [call] }));
  }
  return chunks;
}
