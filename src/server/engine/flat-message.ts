import { BaseMessage } from "@langchain/core/messages";

/** A name that LangChain writes as it is. */
const PLAIN_NAME = /^[a-z0-9]+(_[a-z0-9]+)*$/;

/**
 * A message as clients read it: its fields beside its type.
 *
 * LangChain's own `toDict` gives the fields, but looks for secrets, aliases and what has to be escaped, in every
 * class that the message is one of. A token of a model has none of that, and there are many of them.
 */
export const toFlatMessage = (message: BaseMessage): object => toFlatToken(message) ?? toFlatDict(message);

function toFlatDict(message: BaseMessage): object {
  const { type, data } = message.toDict();
  return { ...data, type };
}

/** @returns the same as `toFlatDict`; null when the message may need more than its fields as they are */
function toFlatToken(message: BaseMessage): object | null {
  const { toDict, toJSON } = BaseMessage.prototype;
  if (message.toDict !== toDict || message.toJSON !== toJSON || !message.lc_serializable) return null;
  if (message.lc_attributes !== undefined || message.lc_secrets !== undefined) return null;
  const own = message as unknown as Record<string, unknown>;
  const { lc_aliases: aliases = {} } = message;
  const flat: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(message.lc_kwargs)) {
    const value = name in own ? own[name] : given;
    if (!PLAIN_NAME.test(name) || (aliases[name] ?? name) !== name || !isSimple(value)) return null;
    flat[name] = value;
  }
  flat["type"] = message.getType();
  return flat;
}

/** Whether there is nothing in a value that LangChain would look into. */
const isSimple = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0;
};
