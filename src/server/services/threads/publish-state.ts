import type { RunBus } from "../../bus/run-bus.ts";
import { DomainError } from "../../domain/errors.ts";

import type { Engine } from "../../engine/engine.ts";
import type { ThreadGraph } from "../../engine/thread-state.ts";

interface Deps {
  readonly bus: RunBus;
  readonly engine: Engine;
}

/** Tells whoever follows a thread what its state is now. */
export async function publishLatestState({ bus, engine }: Deps, graph: ThreadGraph): Promise<void> {
  try {
    bus.publishState(graph.thread_id, await engine.readThreadState(graph, { subgraphs: false }));
  } catch (error) {
    // The change is made; that a graph which is gone cannot show it is no reason to refuse it.
    if (!(error instanceof DomainError)) throw error;
  }
}
