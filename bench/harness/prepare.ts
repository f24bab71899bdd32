import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

const ROOT = path.join(import.meta.dirname, "../..");
const PEER = path.join(import.meta.dirname, "../peer");
const run = promisify(execFile);

/** Builds our server, so that what is measured is what the sources say. */
export async function buildOurs(): Promise<void> {
  await run(process.execPath, ["scripts/build.js"], { cwd: ROOT });
}

/** Installs the other server into its folder unless it is there in the version that the folder asks for. */
export async function installPeer(onInstall: () => void): Promise<void> {
  const wanted = await readVersion(path.join(PEER, "package.json"), ({ dependencies }) => dependencies);
  const installed = path.join(PEER, "node_modules/@langchain/langgraph-api/package.json");
  const there = await readVersion(installed, ({ name, version }) => ({ [name]: version })).catch(() => null);
  if (wanted !== null && wanted === there) return;
  onInstall();
  await run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: PEER });
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

async function readVersion(
  file: string,
  versions: (manifest: Manifest) => Readonly<Record<string, string>>,
): Promise<string | null> {
  const manifest = JSON.parse(await readFile(file, "utf8")) as Manifest;
  return versions(manifest)["@langchain/langgraph-api"] ?? null;
}
