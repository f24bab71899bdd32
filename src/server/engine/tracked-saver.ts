import { setImmediate as nextTurn } from "node:timers/promises";
import type { RunnableConfig } from "@langchain/core/runnables";
import { MemoryUnavailable } from "../domain/memory-unavailable.ts";
import { RunSaver } from "./run-saver.ts";
import { throughOutages } from "./through-outages.ts";

/**
 * LangGraph's checkpoints, and which of them are still being written. A graph that is aborted ends its stream
 * at once, while its last checkpoint may be on its way.
 *
 * A run waits while the database is away, until its signal says that it has to stop; requests, which have no signal,
 * hear of it at once. Writing a checkpoint twice leaves it as it is.
 *
 * A class because LangGraph asks for a saver of its own.
 */
export class TrackedSaver extends RunSaver {
  readonly #writing = new Map<unknown, Set<Promise<unknown>>>();
  readonly #isOutage: (error: unknown) => boolean;

  /** @param isOutage whether an error says that the database is away */
  constructor(
    pool: ConstructorParameters<typeof RunSaver>[0],
    serializer: ConstructorParameters<typeof RunSaver>[1],
    isOutage: (error: unknown) => boolean,
  ) {
    super(pool, serializer);
    this.#isOutage = isOutage;
  }

  override getTuple(config: RunnableConfig): ReturnType<RunSaver["getTuple"]> {
    return this.#patiently(config, () => super.getTuple(config));
  }

  protected override write(...args: Parameters<RunSaver["write"]>): Promise<void> {
    return this.#track(
      args[0],
      this.#patiently(args[0], () => super.write(...args)),
    );
  }

  /** Resolves when nothing of a thread is being written any more. */
  async written(threadId: string): Promise<void> {
    for (;;) {
      // LangGraph writes one checkpoint after the other: the next one begins in the turn in which this one ends.
      await nextTurn();
      const writes = this.#writing.get(threadId);
      if (writes === undefined) return;
      await Promise.allSettled(writes);
    }
  }

  async #patiently<T>({ signal }: RunnableConfig, work: () => Promise<T>): Promise<T> {
    try {
      const isWorthwhile = () => signal !== undefined && !signal.aborted;
      return await throughOutages(work, { isOutage: this.#isOutage, isWorthwhile });
    } catch (error) {
      throw this.#isOutage(error) ? new MemoryUnavailable(error) : error;
    }
  }

  #track<T>({ configurable }: Parameters<RunSaver["put"]>[0], write: Promise<T>): Promise<T> {
    const threadId: unknown = configurable?.["thread_id"];
    const writes = this.#writing.get(threadId) ?? new Set();
    this.#writing.set(threadId, writes.add(write));
    const done = () => {
      writes.delete(write);
      if (writes.size === 0 && this.#writing.get(threadId) === writes) this.#writing.delete(threadId);
    };
    write.then(done, done);
    return write;
  }
}
