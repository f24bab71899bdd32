/** What is missing, of which graphs, and why. */
export interface MissingSchemas {
  readonly graphs: readonly string[];
  readonly reason: string;
}

export type SchemaTopic = "types" | "pending" | "factory" | "subgraphs" | "cache";

/** Tells what is missing. */
export type WarnOfSchemas = (topic: SchemaTopic, missing: MissingSchemas) => void;

/** Clients ask for schemas with every turn: each graph is told of once a topic. */
export function warnOnce(warn: (missing: MissingSchemas) => void): WarnOfSchemas {
  const told = new Set<string>();
  return (topic, { graphs, reason }) => {
    const news = graphs.filter((graphId) => !told.has(`${topic} ${graphId}`));
    for (const graphId of news) told.add(`${topic} ${graphId}`);
    if (news.length > 0) warn({ graphs: news, reason });
  };
}
