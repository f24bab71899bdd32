import type { RunnableConfig } from "@langchain/core/runnables";
import {
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointTuple,
  type DeltaChannelHistory,
  type PendingWrite,
  type SerializerProtocol,
  WRITES_IDX_MAP,
} from "@langchain/langgraph-checkpoint";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import { type Attempt, AttemptOver } from "../domain/run.ts";
import { inWriteOrder, type StoredCheckpoint, toStoredCheckpoints } from "./checkpoint-parts.ts";
import { joinRows, type Rows, toParameters } from "./checkpoint-rows.ts";
import {
  type CheckpointPart,
  type DeltaPart,
  READ_CHECKPOINT,
  READ_DELTAS,
  READ_LATEST_CHECKPOINT,
  READ_LATEST_DELTAS,
  readPage,
  type StoredValue,
  type StoredWrite,
  WRITE_ROWS,
} from "./checkpoint-statements.ts";

export type Pool = ConstructorParameters<typeof PostgresSaver>[0];

/**
 * LangGraph's saver with one statement where that has a transaction, or one for each ancestor. Most of what a run
 * costs is the number of its statements. The rows are the same, so that either reads what the other has written,
 * and each of them also has the path of the task, which the stock saver leaves out.
 *
 * What a run writes is taken from the attempt that has the run, and from no other: a worker that was lost may not
 * know it. Without one in its metadata, a config writes as with the stock saver.
 */
export class OneTripSaver extends PostgresSaver {
  readonly #pool: Pool;

  constructor(pool: Pool, serde: SerializerProtocol) {
    super(pool, serde);
    this.#pool = pool;
  }

  override async put(...args: Parameters<PostgresSaver["put"]>): Promise<RunnableConfig> {
    const [config, checkpoint] = args;
    await this.write(config, [await this.toCheckpointRows(...args)]);
    const { thread_id, checkpoint_ns = "" } = config.configurable ?? {};
    return { configurable: { thread_id, checkpoint_ns, checkpoint_id: checkpoint.id } };
  }

  override async putWrites(
    config: RunnableConfig,
    writes: PendingWrite[],
    taskId: string,
    taskPath = "",
  ): Promise<void> {
    if (writes.length > 0)
      await this.write(config, [await this.toWriteRows(config, writes, taskId, taskPath)]);
  }

  /**
   * Writes what belongs to one thread, in one statement.
   * @throws AttemptOver when the attempt that the config names has the run no longer
   */
  protected async write({ configurable, metadata }: RunnableConfig, all: readonly Rows[]): Promise<void> {
    const attempt = toAttempt(metadata);
    const values = toParameters(configurable?.["thread_id"], attempt, joinRows(all));
    const { rows } = await this.#pool.query<{ holds: boolean }>({ ...WRITE_ROWS, values });
    if (attempt !== null && rows[0]?.holds !== true) throw new AttemptOver(attempt);
  }

  protected async toCheckpointRows(
    { configurable }: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<Rows> {
    if (configurable === undefined) throw new Error('Missing "configurable" field in "config" param');
    const { thread_id, checkpoint_ns = "", checkpoint_id: parent_checkpoint_id } = configurable;
    const [blobs, [, about]] = await Promise.all([
      this._dumpBlobs(thread_id, checkpoint_ns, checkpoint.channel_values, newVersions),
      this.serde.dumpsTyped(metadata),
    ]);
    return {
      checkpoints: [
        {
          checkpoint_ns,
          checkpoint_id: checkpoint.id,
          parent_checkpoint_id,
          checkpoint: Buffer.from(JSON.stringify(this._dumpCheckpoint(checkpoint))),
          metadata: about,
        },
      ],
      values: blobs.map(([, ns, channel, version, type, blob]) => ({
        checkpoint_ns: ns,
        channel,
        version,
        type,
        blob,
      })),
      writes: [],
    };
  }

  protected async toWriteRows(
    { configurable }: RunnableConfig,
    writes: PendingWrite[],
    task_id: string,
    task_path: string,
  ): Promise<Rows> {
    const { thread_id, checkpoint_ns = "", checkpoint_id } = configurable ?? {};
    const replaces = writes.every(([channel]) => channel in WRITES_IDX_MAP);
    const dumped = await this._dumpWrites(thread_id, checkpoint_ns, checkpoint_id, task_id, writes);
    return {
      checkpoints: [],
      values: [],
      writes: dumped.map(([, , , , idx, channel, type, blob]) => ({
        checkpoint_ns,
        checkpoint_id,
        task_id,
        task_path,
        idx,
        channel,
        type,
        blob,
        replaces,
      })),
    };
  }

  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { thread_id, checkpoint_ns = "", checkpoint_id } = config.configurable ?? {};
    const { rows } = await this.#pool.query<CheckpointPart>(
      checkpoint_id
        ? { ...READ_CHECKPOINT, values: [thread_id, checkpoint_ns, checkpoint_id] }
        : { ...READ_LATEST_CHECKPOINT, values: [thread_id, checkpoint_ns] },
    );
    const [stored] = toStoredCheckpoints(rows);
    if (stored === undefined) return undefined;
    return isOld(stored) ? super.getTuple(config) : this.#toTuple(stored);
  }

  override async *list(
    config: RunnableConfig,
    options?: CheckpointListOptions,
  ): AsyncGenerator<CheckpointTuple> {
    const [where, values] = this._searchWhere(config, options?.filter, options?.before);
    const { rows } = await this.#pool.query<CheckpointPart>({
      ...readPage(`${where} order by checkpoint_id desc limit $${values.length + 1}`),
      values: [...values, options?.limit ?? null],
    });
    const found = toStoredCheckpoints(rows);
    if (found.some(isOld)) yield* super.list(config, options);
    else for (const stored of found) yield await this.#toTuple(stored);
  }

  /** @see BaseCheckpointSaver.getDeltaChannelHistory, which reads one ancestor after the other */
  override async getDeltaChannelHistory({
    config,
    channels,
  }: {
    readonly config: RunnableConfig;
    readonly channels: string[];
  }): Promise<Record<string, DeltaChannelHistory>> {
    if (channels.length === 0) return {};
    const { thread_id, checkpoint_ns = "", checkpoint_id } = config.configurable ?? {};
    const { rows } = await this.#pool.query<DeltaPart>(
      checkpoint_id
        ? { ...READ_DELTAS, values: [thread_id, checkpoint_ns, channels, checkpoint_id] }
        : { ...READ_LATEST_DELTAS, values: [thread_id, checkpoint_ns, channels] },
    );
    const histories = channels.map(async (channel) => [
      channel,
      await this.#toHistory(rows.filter((row) => row.channel === channel)),
    ]);
    return Object.fromEntries(await Promise.all(histories));
  }

  async #toHistory(parts: readonly DeltaPart[]): Promise<DeltaChannelHistory> {
    const seed = parts.find(({ part }) => part === "seed");
    const writes = inWriteOrder(parts.filter(({ part }) => part === "write")).toSorted(
      (one, other) => other.age - one.age,
    );
    return {
      writes: await this.#loadWrites(writes),
      ...(seed !== undefined && { seed: await this.#load(seed) }),
    };
  }

  async #toTuple({ row, values, writes }: StoredCheckpoint): Promise<CheckpointTuple> {
    const { thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id } = row;
    const [channelValues, metadata, pendingWrites] = await Promise.all([
      Promise.all(values.map(async (value) => [value.channel, await this.#load(value)])),
      this.serde.loadsTyped("json", row.metadata),
      this.#loadWrites(inWriteOrder(writes)),
    ]);
    const { channel_versions, versions_seen } = row.checkpoint;
    return {
      config: { configurable: { thread_id, checkpoint_ns, checkpoint_id } },
      checkpoint: {
        ...row.checkpoint,
        channel_versions: channel_versions ?? {},
        versions_seen: versions_seen ?? {},
        channel_values: Object.fromEntries(channelValues),
      },
      metadata,
      ...(parent_checkpoint_id && {
        parentConfig: { configurable: { thread_id, checkpoint_ns, checkpoint_id: parent_checkpoint_id } },
      }),
      pendingWrites,
    };
  }

  #loadWrites(writes: readonly StoredWrite[]): Promise<[string, string, unknown][]> {
    return Promise.all(
      writes.map(
        async (write): Promise<[string, string, unknown]> => [
          write.task_id,
          write.channel,
          await this.#load(write),
        ],
      ),
    );
  }

  #load({ type, json, blob }: StoredValue): Promise<unknown> {
    return this.serde.loadsTyped(type, (json ?? blob) as string | Uint8Array);
  }
}

/** @returns null where no run is being executed */
function toAttempt(metadata: RunnableConfig["metadata"]): Attempt | null {
  const { run_id, run_attempt } = metadata ?? {};
  return typeof run_id === "string" && typeof run_attempt === "number"
    ? { run_id, attempt: run_attempt }
    : null;
}

/** Of a format that the stock saver translates, with further statements: what was to be sent was stored elsewhere. */
const isOld = ({ row }: StoredCheckpoint): boolean =>
  row.checkpoint.v < 4 && row.parent_checkpoint_id !== null;
