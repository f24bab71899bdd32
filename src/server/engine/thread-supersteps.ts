import type { RunCommand } from "../domain/run.ts";
import { toRunnableConfig } from "./checkpoint-config.ts";
import type { GraphRegistry } from "./graph-registry.ts";
import { type NodeReference, requireNode } from "./require-nodes.ts";
import { LANGGRAPH_NODES, mergeUpdates, openGraph, type ThreadGraph } from "./thread-state.ts";
import { toCommand } from "./to-command.ts";

/** What one node is said to have written in a superstep. */
interface SuperstepUpdate {
  readonly values: unknown;
  /** Written in place of the values, unless null. */
  readonly command: RunCommand | null;
  readonly as_node: string;
}

/** Updates that happen at once. */
export interface Superstep {
  readonly updates: readonly SuperstepUpdate[];
}

/**
 * Builds up the state of a new thread as if its graph had done these steps, one after the other.
 * Those before one that is refused have been written.
 *
 * @throws DomainError `validation_error` for a node that the graph does not have; whatever else the graph throws
 */
export async function applySupersteps(
  graphs: GraphRegistry,
  thread: ThreadGraph,
  supersteps: readonly Superstep[],
): Promise<void> {
  const graph = await openGraph(graphs, thread, "threads.update");
  for (const reference of namedNodes(supersteps)) requireNode(graph, thread.graph_id, reference);
  await graph.bulkUpdateState(
    toRunnableConfig(thread.thread_id),
    supersteps.map(({ updates }) => ({
      updates: updates.map(({ values, command, as_node }) => ({
        values: command === null ? mergeUpdates(values) : toCommand(command),
        asNode: as_node,
      })),
    })),
  );
}

/** Every node that the supersteps name, and where. */
const namedNodes = (supersteps: readonly Superstep[]): NodeReference[] =>
  supersteps.flatMap(({ updates }, step) =>
    updates.flatMap(({ as_node, command }, position) => {
      const path = `supersteps.${step}.updates.${position}`;
      const targets = [command?.goto ?? []]
        .flat()
        .map((target) => (typeof target === "string" ? target : target.node));
      return [
        ...(LANGGRAPH_NODES.has(as_node) ? [] : [{ path: `${path}.as_node`, node: as_node }]),
        ...targets
          .filter((node) => node !== "__end__")
          .map((node) => ({ path: `${path}.command.goto`, node })),
      ];
    }),
  );
