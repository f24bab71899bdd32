/** Why a graph cannot be served: the message names the graph, its file and what to do. */
export class GraphError extends Error {
  override readonly name = "GraphError";
  readonly graphId: string;

  constructor(graphId: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.graphId = graphId;
  }
}
