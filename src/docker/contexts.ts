import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import type { TlsFiles } from "./endpoint.ts";
import { DockerError } from "./errors.ts";

/** What a context of Docker's command line says about its engine. */
export interface DockerContext {
  readonly url: string;
  readonly tls: TlsFiles | null;
}

/** The context that is not in a file: the engine of this machine. */
export const DEFAULT_CONTEXT = "default";

/** The name of the context that `docker context use` has chosen. @throws DockerError when the file is no JSON */
export async function readCurrentContext(configDirectory: string): Promise<string> {
  const file = path.join(configDirectory, "config.json");
  const config = (await readJson(file)) as { readonly currentContext?: unknown } | null;
  const name = config?.currentContext;
  return typeof name === "string" && name !== "" ? name : DEFAULT_CONTEXT;
}

/** @throws DockerError when there is no such context, or it is about no Docker engine */
export async function readContext(configDirectory: string, name: string): Promise<DockerContext> {
  // The folders of contexts have the hash of their name.
  const id = createHash("sha256").update(name).digest("hex");
  const folder = path.join(configDirectory, "contexts");
  const meta = (await readJson(path.join(folder, "meta", id, "meta.json"))) as ContextMeta | null;
  if (meta === null) {
    const known = [DEFAULT_CONTEXT, ...(await listContexts(folder))];
    throw new DockerError(`There is no Docker context "${name}" in ${folder}.`, [
      `The contexts are ${known.join(", ")}; docker context use NAME chooses another one.`,
    ]);
  }
  const endpoint = meta.Endpoints?.docker;
  if (endpoint?.Host === undefined || endpoint.Host === "") {
    throw new DockerError(`The Docker context "${name}" has no address of an engine.`, [
      "Choose another one: docker context use default",
    ]);
  }
  const directory = path.join(folder, "tls", id, "docker");
  const tls = (await isFolder(directory)) ? { directory, verifies: endpoint.SkipTLSVerify !== true } : null;
  return { url: endpoint.Host, tls };
}

interface ContextMeta {
  readonly Name?: string;
  readonly Endpoints?: { readonly docker?: { readonly Host?: string; readonly SkipTLSVerify?: boolean } };
}

async function listContexts(folder: string): Promise<string[]> {
  const meta = path.join(folder, "meta");
  try {
    const files = (await readdir(meta)).map((id) => path.join(meta, id, "meta.json"));
    const contexts = (await Promise.all(files.map(readJson))) as (ContextMeta | null)[];
    return contexts.flatMap((context) => context?.Name ?? []).sort();
  } catch {
    // It is for a suggestion only.
    return [];
  }
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw new DockerError(`${file} cannot be read: ${error.message}`, [], cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DockerError(`${file} is not valid JSON: ${(cause as Error).message}`, [], cause);
  }
}

async function isFolder(directory: string): Promise<boolean> {
  try {
    return (await stat(directory)).isDirectory();
  } catch {
    // Not there: the answer.
    return false;
  }
}
