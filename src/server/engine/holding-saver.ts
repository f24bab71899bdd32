import type { RunnableConfig } from "@langchain/core/runnables";
import type {
  ChannelVersions,
  Checkpoint,
  CheckpointListOptions,
  CheckpointMetadata,
  CheckpointTuple,
} from "@langchain/langgraph-checkpoint";
import type { Attempt } from "../domain/run.ts";
import type { Rows } from "./checkpoint-rows.ts";
import { identifyMessages } from "./identify-messages.ts";
import { TrackedSaver } from "./tracked-saver.ts";

/** How long what a run writes waits for what it writes next. */
const HOLD_MS = 20;
/** The same on a thread that goes with the run: most of them are over by then, and write nothing. */
const HOLD_OWN_MS = 100;

type Put = readonly [RunnableConfig, Checkpoint, CheckpointMetadata, ChannelVersions];

/** The attempt of a run that writes to a thread. */
export type Writer = Attempt & { readonly thread_id: string };

interface Held {
  /** A thread may have its next run before the one before it has gone. */
  readonly by: Attempt;
  /** Whether the thread was made for the run, and so has nothing but what is held. */
  readonly isOwn: boolean;
  /** What is to be written, in the order in which it came. */
  readonly rows: (() => Promise<Rows>)[];
  /** The last one that something was written with. */
  config: RunnableConfig;
  writing: Promise<void> | null;
  hasWritten: boolean;
  /** Why writing failed, until the graph is told. */
  failure: { readonly error: unknown } | null;
  timer: NodeJS.Timeout | null;
  latest: Put | null;
  /** Of the latest checkpoint. */
  writes: [taskId: string, channel: string, value: unknown][];
}

/**
 * Writes what a run writes within a moment together. A step of a graph is a checkpoint and the writes of its tasks, and
 * most steps take less time than it takes to write them. Before a thread is read here, what is held of it is written.
 *
 * @see docs/decisions/0018-checkpoints-of-a-moment-are-written-together.md
 */
export class HoldingSaver extends TrackedSaver {
  readonly #held = new Map<unknown, Held>();

  /**
   * Begins to hold what a run writes to its thread, until `drop`.
   * @param isOwn whether the thread is new, and goes with the run
   */
  hold(writer: Writer, { isOwn }: { readonly isOwn: boolean }): void {
    this.#held.set(writer.thread_id, {
      by: writer,
      isOwn,
      rows: [],
      config: {},
      writing: null,
      hasWritten: false,
      failure: null,
      timer: null,
      latest: null,
      writes: [],
    });
  }

  /** Writes what is held. Can be repeated when it fails. */
  async writeHeld(threadId: unknown): Promise<void> {
    const held = this.#held.get(threadId);
    if (held === undefined) return;
    while (held.rows.length > 0) {
      held.writing ??= this.#writeTogether(held).finally(() => {
        held.writing = null;
      });
      await held.writing;
    }
  }

  /**
   * Holds nothing more, and forgets what is held.
   * @returns whether the thread is the run's own, and nothing has been written to it, nor is about to be
   */
  drop({ thread_id, run_id, attempt }: Writer): boolean {
    const held = this.#held.get(thread_id);
    if (held?.by.run_id !== run_id || held.by.attempt !== attempt) return false;
    if (held.timer !== null) clearTimeout(held.timer);
    this.#held.delete(thread_id);
    return held.isOwn && !held.hasWritten;
  }

  override async put(...args: Parameters<TrackedSaver["put"]>): ReturnType<TrackedSaver["put"]> {
    const [config, checkpoint] = args;
    const { thread_id, checkpoint_ns = "" } = config.configurable ?? {};
    const held = this.#held.get(thread_id);
    if (held === undefined) return super.put(...args);
    this.#add(held, config, () => this.toCheckpointRows(...args));
    if (checkpoint_ns === "") {
      held.latest = args;
      held.writes = [];
    }
    return { configurable: { thread_id, checkpoint_ns, checkpoint_id: checkpoint.id } };
  }

  override async putWrites(...args: Parameters<TrackedSaver["putWrites"]>): Promise<void> {
    const [config, writes, taskId, taskPath = ""] = args;
    // LangGraph saves what a node has written before it tells of it.
    for (const [, value] of writes) identifyMessages(value);
    const { thread_id, checkpoint_ns = "", checkpoint_id } = config.configurable ?? {};
    const held = this.#held.get(thread_id);
    if (held === undefined) return super.putWrites(...args);
    if (writes.length === 0) return;
    this.#add(held, config, () => this.toWriteRows(config, writes, taskId, taskPath));
    if (checkpoint_ns === "" && checkpoint_id === held.latest?.[1].id) {
      held.writes.push(...writes.map(([channel, value]): Held["writes"][number] => [taskId, channel, value]));
    }
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread_id, checkpoint_ns = "", checkpoint_id } = config.configurable ?? {};
    const held = this.#held.get(thread_id);
    if (held === undefined) return super.getTuple(config);
    const isLatest = checkpoint_ns === "" && checkpoint_id === undefined;
    // Nobody is told of what may not be there after all: another worker may take the run over.
    if (!isLatest || !held.isOwn) await this.writeHeld(thread_id);
    if (!isLatest || (held.latest === null && !held.isOwn)) return super.getTuple(config);
    return held.latest === null ? undefined : toTuple(held.latest, held.writes);
  }

  override async *list(
    config: RunnableConfig,
    options?: CheckpointListOptions,
  ): AsyncGenerator<CheckpointTuple> {
    await this.writeHeld(config.configurable?.["thread_id"]);
    yield* super.list(config, options);
  }

  override async getDeltaChannelHistory(
    ...args: Parameters<TrackedSaver["getDeltaChannelHistory"]>
  ): ReturnType<TrackedSaver["getDeltaChannelHistory"]> {
    await this.writeHeld(args[0].config.configurable?.["thread_id"]);
    return super.getDeltaChannelHistory(...args);
  }

  #add(held: Held, config: RunnableConfig, toRows: () => Promise<Rows>): void {
    if (held.failure !== null) {
      const { error } = held.failure;
      held.failure = null;
      throw error;
    }
    held.config = config;
    held.rows.push(held.isOwn ? toRows : asOfNow(toRows));
    held.timer ??= setTimeout(
      () => {
        held.timer = null;
        this.writeHeld(config.configurable?.["thread_id"]).catch((error: unknown) => {
          held.failure = { error };
        });
      },
      held.isOwn && !held.hasWritten ? HOLD_OWN_MS : HOLD_MS,
    );
  }

  async #writeTogether(held: Held): Promise<void> {
    // Before anything that takes time: whoever deletes the thread meanwhile has to know.
    held.hasWritten = true;
    const batch = [...held.rows];
    const rows = await Promise.all(batch.map((toRows) => toRows()));
    await this.write(held.config, rows);
    held.rows.splice(0, batch.length);
  }
}

/** What a node does later must not change what it has written. */
function asOfNow(toRows: () => Promise<Rows>): () => Promise<Rows> {
  const rows = toRows();
  rows.catch(() => undefined); // told to whoever writes them
  return () => rows;
}

/** As it would be read. What LangGraph does with it must not change what is to be written. */
function toTuple(
  [{ configurable, metadata: about }, checkpoint, metadata]: Put,
  writes: Held["writes"],
): CheckpointTuple {
  const { thread_id, checkpoint_ns = "", checkpoint_id: parentId } = configurable ?? {};
  const configOf = (checkpoint_id: string) => ({ configurable: { thread_id, checkpoint_ns, checkpoint_id } });
  return {
    config: configOf(checkpoint.id),
    checkpoint: { ...checkpoint, channel_values: { ...checkpoint.channel_values } },
    metadata: { ...about, ...metadata },
    ...(parentId && { parentConfig: configOf(parentId) }),
    pendingWrites: [...writes],
  };
}
