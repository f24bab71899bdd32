import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { Config, Cors, GraphSource } from "./config.ts";
import { readConfigFileVariable } from "./environment.ts";
import { ConfigError, joinProblems } from "./errors.ts";
import { findConfigFile } from "./find.ts";
import { deepFreeze } from "./freeze.ts";
import { toGraphPath } from "./graph-path.ts";
import { parseJson } from "./json.ts";
import { findConsequence, isHostedKey, suggestKey } from "./known-keys.ts";
import { describeValueAt, type KeyPath, type Problem, toPathText, toProblems } from "./problems.ts";
import { ConfigFile } from "./schema.ts";

const EDITOR_HINT =
  'Add "$schema": "./node_modules/aegra/aegra.schema.json" to have your editor check the file.';

/**
 * Finds, reads and checks the project's configuration.
 * Keys without effect are errors in aegra.json; in langgraph.json, which other servers read too, they are warnings.
 *
 * @param options.cwd where the search starts, and what a relative `configFile` is relative to
 * @param options.configFile as given with `-c`; without it AEGRA_CONFIG is used, and then the nearest file upwards
 * @throws ConfigError when there is no file, or it is not usable; it lists everything that is wrong with it
 */
export async function loadConfig(options: {
  readonly cwd: string;
  readonly configFile?: string | undefined;
}): Promise<Config> {
  const file = await findConfigFile({ ...options, environmentFile: readConfigFileVariable() });
  const data = parseJson(await readText(file), file);
  const isShared = /^langgraph\b/.test(basename(file));
  const { content, warnings } = isShared
    ? checkShared(file, data)
    : { content: check(file, data), warnings: [] };
  const asksForAuth = typeof data === "object" && data !== null && "auth" in data;
  return deepFreeze({ ...toConfig(file, content), warnings, asksForAuth });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError(`${file} cannot be read: ${(cause as Error).message}`, [], cause);
  }
}

function check(file: string, data: unknown): ConfigFile {
  const result = ConfigFile.safeParse(data);
  if (result.success) return result.data;
  const problems = toProblems(result.error.issues).map((problem) => toSentence(problem, data));
  throw new ConfigError(joinProblems(file, problems), [EDITOR_HINT]);
}

function checkShared(file: string, data: unknown): { content: ConfigFile; warnings: string[] } {
  const issues = ConfigFile.safeParse(data).error?.issues ?? [];
  const unknown = toProblems(issues).filter((problem) => problem.kind === "unknown_key");
  const cleaned = structuredClone(data);
  for (const { path } of unknown) deleteKey(cleaned, path);
  return { content: check(file, cleaned), warnings: unknown.map(({ path }) => toWarning(file, path)) };
}

function deleteKey(data: unknown, path: KeyPath): void {
  const parent = path.slice(0, -1).reduce((value, key) => Reflect.get(value as object, key), data);
  Reflect.deleteProperty(parent as object, path.at(-1) ?? "");
}

function toSentence(problem: Problem, data: unknown): string {
  const path = problem.path.length === 0 ? "the file" : toPathText(problem.path);
  if (problem.kind === "wrong_value") {
    return `${path}: ${problem.expected}, found ${describeValueAt(data, problem.path)}`;
  }
  if (problem.kind === "wrong_key") return `${path}: ${problem.expected} as the key`;
  if (!isHostedKey(problem.path)) return `${path} is not a known key; ${suggestKey(problem.path)}`;
  const consequence = findConsequence(problem.path);
  return `${path} has no effect here${consequence === null ? "" : ` (${consequence})`}; remove it`;
}

function toWarning(file: string, path: KeyPath): string {
  const where = `${toPathText(path)} in ${basename(file)}`;
  if (!isHostedKey(path)) return `${where} is not known and has no effect; ${suggestKey(path)}`;
  const consequence = findConsequence(path);
  return `${where} has no effect yet${consequence === null ? "" : `: ${consequence}`}.`;
}

function toConfig(file: string, content: ConfigFile): Omit<Config, "warnings" | "asksForAuth"> {
  const root = dirname(file);
  return {
    file,
    root,
    // The root of a disk has no name of its own.
    name: content.name ?? (basename(root) || "aegra"),
    graphs: toGraphs(root, content.graphs),
    ...toEnv(root, content.env),
    cors: toCors(content.http.cors),
    configurableHeaders: content.http.configurable_headers,
    store: { ttl: toStoreTtl(content.store.ttl) },
    nodeLoader: content.node_loader.startsWith(".")
      ? resolve(root, content.node_loader)
      : content.node_loader,
  };
}

function toGraphs(root: string, graphs: ConfigFile["graphs"]): Record<string, GraphSource> {
  const sources = Object.entries(graphs).map(([id, graph]): [string, GraphSource] => {
    const written = typeof graph === "string" ? graph : graph.path;
    const description = typeof graph === "string" ? null : (graph.description ?? null);
    const maxConcurrency = typeof graph === "string" ? null : (graph.max_concurrency ?? null);
    const { file, exportName } = toGraphPath(written);
    return [id, { file: resolve(root, file), exportName, description, maxConcurrency, written }];
  });
  // Ids come from requests: without a prototype, "constructor" is not a graph.
  return Object.setPrototypeOf(Object.fromEntries(sources), null) as Record<string, GraphSource>;
}

function toEnv(root: string, env: ConfigFile["env"]): Pick<Config, "envFiles" | "envValues" | "isEnvNamed"> {
  if (env === undefined) return { envFiles: [resolve(root, ".env")], envValues: {}, isEnvNamed: false };
  const files = typeof env === "string" ? [env] : Array.isArray(env) ? env : [];
  const values = typeof env === "object" && !Array.isArray(env) ? Object.entries(env) : [];
  return {
    envFiles: files.map((path) => resolve(root, path)),
    envValues: Object.fromEntries(values.map(([name, value]) => [name, String(value)])),
    isEnvNamed: true,
  };
}

function toCors({ max_age, allow_origin_regex, ...cors }: ConfigFile["http"]["cors"]): Cors {
  return { ...cors, allow_origin_regex: allow_origin_regex ?? null, max_age_seconds: max_age };
}

function toStoreTtl(ttl: ConfigFile["store"]["ttl"]): Config["store"]["ttl"] {
  if (ttl === undefined) return null;
  return { default_ttl_minutes: ttl.default_ttl, refresh_on_read: ttl.refresh_on_read };
}
