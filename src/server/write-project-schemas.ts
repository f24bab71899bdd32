import { createRequire } from "node:module";
import { loadConfig } from "../config/load.ts";
import { loadEnvFiles } from "../config/load-env.ts";
import { useLangGraphOf } from "./engine/resolve-langgraph.ts";
import type { WriteFailure, WrittenSchemas } from "./engine/schemas/write-schemas.ts";

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** Builders of images are slow, and there is nobody who waits for an answer. */
const TIMEOUT_MS = 300_000;

export interface ProjectSchemasRequest {
  readonly cwd: string;
  readonly configFile: string | undefined;
  /** Absolute. */
  readonly envFiles: readonly string[];
}

/**
 * Reads the schemas of a project's graphs from their TypeScript and keeps them in the project, for servers that
 * cannot do so. Loads the graphs, and needs no database.
 *
 * @throws ConfigError
 */
export async function writeProjectSchemas(
  request: ProjectSchemasRequest,
): Promise<WrittenSchemas | WriteFailure> {
  const config = await loadConfig(request);
  loadEnvFiles(config, [...request.envFiles]);
  // Before anything of LangGraph is loaded, and so before the imports below.
  useLangGraphOf(config.root);
  const { openModuleLoader } = await import("./engine/module-loader.ts");
  const { loadGraphs } = await import("./engine/graph-registry.ts");
  const { createScratchMemory } = await import("./engine/scratch-memory.ts");
  const { findLangGraphVersion } = await import("./engine/engine.ts");
  const { writeSchemas } = await import("./engine/schemas/write-schemas.ts");

  const loader = await openModuleLoader(config.root, config.nodeLoader);
  try {
    const registry = await loadGraphs(config.graphs, loader, createScratchMemory());
    return await writeSchemas(registry, {
      root: config.root,
      sources: config.graphs,
      versions: { aegra: version, langgraph: findLangGraphVersion() },
      timeoutMs: TIMEOUT_MS,
    });
  } finally {
    await loader[Symbol.asyncDispose]();
  }
}
