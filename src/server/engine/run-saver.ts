import { OneTripSaver } from "./one-trip-saver.ts";

/**
 * Writes with each checkpoint what the run says about itself, above all its `run_id`: by it a later attempt
 * knows how far the run has come, and a rollback which checkpoints to delete. LangGraph for Python does this
 * in its savers; those for JavaScript leave it to the server.
 */
export class RunSaver extends OneTripSaver {
  protected override toCheckpointRows(
    ...[config, checkpoint, metadata, newVersions]: Parameters<OneTripSaver["toCheckpointRows"]>
  ): ReturnType<OneTripSaver["toCheckpointRows"]> {
    return super.toCheckpointRows(config, checkpoint, { ...config.metadata, ...metadata }, newVersions);
  }

  /**
   * A version that no other branch of the thread has. Stock versions count 1, 2, 3, and two branches from one
   * checkpoint count alike: the values of the later one would be taken for written already, and be lost.
   * The whole part counts on, for LangGraph compares versions; the fraction tells branches apart.
   *
   * @see langgraphjs issue 1812
   */
  override getNextVersion(current: number | undefined): number {
    return Math.floor(current ?? 0) + 1 + Math.random();
  }
}
