import { InMemoryStore, MemorySaver } from "@langchain/langgraph";
import type { Memory } from "./graph-registry.ts";

/** A memory for graphs that are looked at and not run. */
export const createScratchMemory = (): Memory => ({
  checkpointer: new MemorySaver(),
  store: new InMemoryStore(),
});
