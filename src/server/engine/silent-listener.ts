import { BaseCallbackHandler } from "@langchain/core/callbacks/base";

/**
 * Listens to everything and does nothing.
 *
 * Where nobody listens, LangChain leaves the messages of a model without an id. Then an update would carry none, and
 * the state one that no client has seen before. It is a handler as LangChain makes them, because of anything else
 * LangChain makes one, of a class of its own, for each step of a run.
 */
export const silentListener: BaseCallbackHandler = Object.assign(BaseCallbackHandler.fromMethods({}), {
  name: "silent_listener",
  ignoreLLM: true,
  ignoreChain: true,
  ignoreAgent: true,
  ignoreRetriever: true,
  ignoreCustomEvent: true,
  // Else what it does not do would be queued behind what all others do.
  awaitHandlers: true,
});
