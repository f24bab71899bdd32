import type { GraphRegistry } from "../graph-registry.ts";
import { openSchemaCache, type Versions } from "./schema-cache.ts";
import { createSchemaReader, type SchemaReader } from "./schema-reader.ts";
import { createTypeSchemas } from "./type-schemas.ts";
import type { GraphSources } from "./typescript-sources.ts";
import { type MissingSchemas, warnOnce } from "./warn-once.ts";

export interface SchemaOptions {
  /** The project's folder. */
  readonly root: string;
  readonly sources: GraphSources;
  readonly versions: Versions;
  /** Tells of schemas that are incomplete, once a graph and kind of reason. */
  readonly warn: (missing: MissingSchemas) => void;
}

export interface Schemas extends SchemaReader, AsyncDisposable {
  /** Starts to read from TypeScript, in a process of its own, what the cache does not have. */
  extract(): void;
}

/** The schemas of the project's graphs. Closing it ends the extraction. */
export function openSchemas(
  graphs: GraphRegistry,
  { root, sources, versions, warn }: SchemaOptions,
): Schemas {
  const warning = warnOnce(warn);
  const cache = openSchemaCache(root, versions);
  const types = createTypeSchemas({ root, sources, registry: graphs, cache, warn: warning });
  return {
    ...createSchemaReader({ graphs, types, warn: warning }),
    extract: types.extract,
    [Symbol.asyncDispose]: () => types[Symbol.asyncDispose](),
  };
}
