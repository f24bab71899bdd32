import { setImmediate as nextTurn } from "node:timers/promises";
import { RunSaver } from "./run-saver.ts";

/**
 * LangGraph's checkpoints, and which of them are still being written. A graph that is aborted ends its stream
 * at once, while its last checkpoint may be on its way.
 *
 * A class because LangGraph asks for a saver of its own.
 */
export class TrackedSaver extends RunSaver {
  readonly #writing = new Map<unknown, Set<Promise<unknown>>>();

  override put(...args: Parameters<RunSaver["put"]>): ReturnType<RunSaver["put"]> {
    return this.#track(args[0], super.put(...args));
  }

  override putWrites(...args: Parameters<RunSaver["putWrites"]>): ReturnType<RunSaver["putWrites"]> {
    return this.#track(args[0], super.putWrites(...args));
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
