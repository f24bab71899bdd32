import type { RunnableConfig } from "@langchain/core/runnables";
import type {
  ChannelVersions,
  Checkpoint,
  CheckpointListOptions,
  CheckpointMetadata,
  CheckpointTuple,
} from "@langchain/langgraph-checkpoint";
import { identifyMessages } from "./identify-messages.ts";
import { TrackedSaver } from "./tracked-saver.ts";

/**
 * How long it may take from the first thing that a run has done until what it did is written. To repeat that much costs
 * less than to write it, of most runs for nothing.
 */
const HOLD_MS = 50;

type Put = readonly [RunnableConfig, Checkpoint, CheckpointMetadata, ChannelVersions];

interface Held {
  /** What is to be written, in the order in which it came. */
  readonly puts: (() => Promise<unknown>)[];
  /** Whether what comes is written at once, as all that came before is or will be. */
  isOpen: boolean;
  writing: Promise<void> | null;
  latest: Put | null;
  /** Of the latest checkpoint. */
  writes: [taskId: string, channel: string, value: unknown][];
  timer: NodeJS.Timeout | null;
}

/**
 * Keeps the checkpoints of some threads in memory at first. A thread that was made for a run goes with it, so its
 * checkpoints are of use only to the attempt after a crash: and what takes no longer than to write them is repeated
 * as well. After that, everything is written, as of any other run, whether the graph waits for something or not.
 *
 * @see docs/decisions/0018-checkpoints-of-stateless-runs-are-written-late.md
 */
export class HoldingSaver extends TrackedSaver {
  readonly #held = new Map<unknown, Held>();

  /** Begins to hold what is written to a thread that is new, until `drop`. */
  hold(threadId: string): void {
    this.#held.set(threadId, {
      puts: [],
      isOpen: false,
      writing: null,
      latest: null,
      writes: [],
      timer: null,
    });
  }

  /** Whether everything of a thread is held, and nothing written. */
  isHolding(threadId: string): boolean {
    return this.#held.get(threadId)?.isOpen === false;
  }

  /** Writes what is held, and from now on whatever comes. Can be repeated when it fails. */
  async writeHeld(threadId: unknown): Promise<void> {
    const held = this.#held.get(threadId);
    if (held === undefined) return;
    if (held.timer !== null) clearTimeout(held.timer);
    held.isOpen = true;
    if (held.puts.length === 0) return;
    held.writing ??= writeAll(held).finally(() => {
      held.writing = null;
    });
    await held.writing;
  }

  /** Forgets a thread, and what is held of it. */
  drop(threadId: string): void {
    const held = this.#held.get(threadId);
    if (held?.timer) clearTimeout(held.timer);
    this.#held.delete(threadId);
  }

  override async put(...args: Parameters<TrackedSaver["put"]>): ReturnType<TrackedSaver["put"]> {
    const [config, checkpoint] = args;
    const { thread_id, checkpoint_ns = "" } = config.configurable ?? {};
    const held = await this.#holdingOf(thread_id);
    if (held === null) return super.put(...args);
    held.puts.push(() => super.put(...args));
    if (checkpoint_ns === "") {
      held.latest = args;
      held.writes = [];
    }
    return { configurable: { thread_id, checkpoint_ns, checkpoint_id: checkpoint.id } };
  }

  override async putWrites(...args: Parameters<TrackedSaver["putWrites"]>): Promise<void> {
    const [{ configurable }, writes, taskId] = args;
    // LangGraph saves what a node has written before it tells of it.
    for (const [, value] of writes) identifyMessages(value);
    const { thread_id, checkpoint_ns = "", checkpoint_id } = configurable ?? {};
    const held = await this.#holdingOf(thread_id);
    if (held === null) return super.putWrites(...args);
    held.puts.push(() => super.putWrites(...args));
    if (checkpoint_ns === "" && checkpoint_id === held.latest?.[1].id) {
      held.writes.push(...writes.map(([channel, value]): Held["writes"][number] => [taskId, channel, value]));
    }
    held.timer ??= setTimeout(() => {
      // Who writes next tries again, and hears of it.
      this.writeHeld(thread_id).catch(() => undefined);
    }, HOLD_MS);
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread_id, checkpoint_ns = "", checkpoint_id } = config.configurable ?? {};
    const held = this.#held.get(thread_id);
    if (held?.isOpen === false && checkpoint_ns === "" && checkpoint_id === undefined) {
      return held.latest === null ? undefined : toTuple(held.latest, held.writes);
    }
    await this.writeHeld(thread_id);
    return super.getTuple(config);
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

  /** @returns null where nothing is held any more: then all of it has been written */
  async #holdingOf(threadId: unknown): Promise<Held | null> {
    const held = this.#held.get(threadId);
    if (held?.isOpen === false) return held;
    if (held !== undefined) await this.writeHeld(threadId);
    return null;
  }
}

async function writeAll({ puts }: Held): Promise<void> {
  for (let [put] = puts; put !== undefined; [put] = puts) {
    await put();
    puts.shift();
  }
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
