import type { KnownSchemas } from "../../domain/graph-schemas.ts";

/** A graph whose schemas are only in its TypeScript. */
export interface StaticSource {
  readonly graph_id: string;
  /** Absolute. */
  readonly file: string;
  readonly exportName: string;
}

/** What its TypeScript says about a graph. */
export interface StaticGraph {
  /** Relative to the project, so that it is the same wherever the project is. */
  readonly source: string;
  /** By namespace, `parent|child`; the graph itself is the empty one. */
  readonly schemas: Readonly<Record<string, KnownSchemas>>;
  /** Why there are none, for people; null when there are. */
  readonly error: string | null;
}

export interface Extraction {
  readonly graphs: Readonly<Record<string, StaticGraph>>;
  /** The project's files that the types come from, with the hash of what was in them; paths as in `source`. */
  readonly files: Readonly<Record<string, string>>;
  /** What extracted them. */
  readonly extractor: Extractor;
}

export interface Extractor {
  readonly langgraphApi: string;
  readonly typescript: string;
}

/** What the process that extracts is asked for. */
export interface ExtractionOrder {
  readonly root: string;
  readonly sources: readonly StaticSource[];
  /** The module of `@langchain/langgraph-api`, absolute. */
  readonly module: string;
}

/** What it answers, once. */
export type ExtractionReport =
  | { readonly type: "extracted"; readonly extraction: Extraction }
  | { readonly type: "failed"; readonly reason: string };

/** A graph without a schema for its configuration may have none. */
export const isComplete = (known: KnownSchemas): boolean =>
  known.input !== undefined && known.output !== undefined && known.state !== undefined;
