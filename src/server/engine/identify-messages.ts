import { isBaseMessage } from "@langchain/core/messages";
import { newId } from "../domain/new-id.ts";

/**
 * Gives each message that a node has written an id, unless it has one. LangChain does for those of a model where
 * somebody listens to it, and the reducer of a channel may later on: but by then an update has been told without one,
 * and the state has one that no client has seen before.
 */
export function identifyMessages(value: unknown): void {
  if (Array.isArray(value)) value.forEach(identifyMessages);
  if (typeof value !== "object" || value === null || !isBaseMessage(value) || value.id !== undefined) return;
  value.id = newId();
  // Where LangChain reads it when it writes the message as JSON.
  value.lc_kwargs["id"] = value.id;
}
