import { setTimeout as sleep } from "node:timers/promises";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessageChunk, type BaseMessage } from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs";
import { getStore } from "@langchain/langgraph";

/** What the model says next: text and tool calls, as a provider would stream them. */
export type Script = (messages: BaseMessage[]) => AIMessageChunk[];

/** A chat model that streams what its script says: always the same, without a network. */
export class ScriptedModel extends BaseChatModel {
  readonly #script: Script;

  constructor(script: Script) {
    super({});
    this.#script = script;
  }

  override _llmType(): string {
    return "scripted";
  }

  // The script knows the tools by name, so there is nothing to bind.
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
    { signal }: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    for (const message of this.#script(messages)) {
      const gate = /^\[(.+)\] $/.exec(message.text)?.[1];
      if (gate !== undefined) await passGate(gate, signal);
      const chunk = new ChatGenerationChunk({ text: message.text, message });
      yield chunk;
      await runManager?.handleLLMNewToken(chunk.text, undefined, undefined, undefined, undefined, { chunk });
    }
  }
}

/**
 * Waits until somebody puts an item of this name into the store, or the run is stopped. The store is what a
 * test, in its process, and a graph, in the server's, have in common.
 */
async function passGate(name: string, signal: AbortSignal | undefined): Promise<void> {
  const store = getStore();
  while ((await store?.get(["gates"], name)) == null)
    await sleep(20, undefined, { ...(signal && { signal }) });
}

/** Text as a model would stream it, a word at a time. */
export const say = (text: string): AIMessageChunk[] =>
  text.split(/(?<= )/).map((word) => new AIMessageChunk(word));

export const callTool = (name: string, args: object): AIMessageChunk[] => [
  new AIMessageChunk({
    content: "",
    tool_call_chunks: [
      { type: "tool_call_chunk", index: 0, id: `call_${name}`, name, args: JSON.stringify(args) },
    ],
  }),
];
