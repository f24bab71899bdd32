import { JsonPlusSerializer } from "@langchain/langgraph-checkpoint";
import { isJsonObject } from "../domain/json.ts";
import { NOT_REVIVED, revive } from "./revive.ts";

/**
 * LangGraph's own format of checkpoints, read faster. What looks like a serialized LangChain object and cannot
 * be made into one stays plain data; the stock serializer would throw, and the thread could never be read again.
 * Such data come from clients, and from models that put them into the arguments of a tool call.
 */
export class TolerantSerializer extends JsonPlusSerializer {
  override async loadsTyped(type: string, data: Uint8Array | string): Promise<unknown> {
    try {
      const revived = type === "json" ? revive(parse(data)) : NOT_REVIVED;
      return revived === NOT_REVIVED ? await super.loadsTyped(type, data) : revived;
    } catch (error) {
      if (type !== "json") throw error;
      return this.#reviveParts(parse(data));
    }
  }

  /** Revives whatever can be, from the outside in, so that one bad part leaves the others as they should be. */
  async #reviveParts(value: unknown): Promise<unknown> {
    if (typeof value !== "object" || value === null) return value;
    try {
      return await super.loadsTyped("json", JSON.stringify(value));
    } catch {
      // This value or one inside it is the bad one: go on with its parts.
    }
    if (Array.isArray(value)) return Promise.all(value.map((item) => this.#reviveParts(item)));
    if (!isJsonObject(value)) return value;
    const parts = Object.entries(value).map(async ([key, item]) => [key, await this.#reviveParts(item)]);
    return Object.fromEntries(await Promise.all(parts));
  }
}

const parse = (data: Uint8Array | string): unknown =>
  JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data));
