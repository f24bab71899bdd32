import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readConfigFileVariable } from "../config/environment.ts";
import { ConfigError } from "../config/errors.ts";
import { findConfigFile } from "../config/find.ts";
import type { ProjectRequest } from "./base-command.ts";

export interface LangGraph {
  readonly version: string;
  /** The folder of the package. */
  readonly location: string;
}

/** The LangGraph that a project uses, or a folder without a project would; null when there is none. */
export async function findLangGraph(project: ProjectRequest): Promise<LangGraph | null> {
  const manifest = resolveManifest(await findRoot(project));
  if (manifest === null) return null;
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  return { version, location: dirname(manifest) };
}

async function findRoot(project: ProjectRequest): Promise<string> {
  try {
    return dirname(await findConfigFile({ ...project, environmentFile: readConfigFileVariable() }));
  } catch (error) {
    if (error instanceof ConfigError && project.configFile === undefined) return project.cwd;
    throw error;
  }
}

function resolveManifest(root: string): string | null {
  try {
    return createRequire(join(root, "package.json")).resolve("@langchain/langgraph/package.json");
  } catch {
    // Not installed: the answer, not an error.
    return null;
  }
}
