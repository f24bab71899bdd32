import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { type ImageRequest, planImage } from "../../src/docker/image-plan.ts";
import { tempDirectory } from "./scaffold.ts";

/** Writes files below a folder of their own, objects as JSON. @returns the folder */
export async function writeTree(files: Readonly<Record<string, string | object>>): Promise<string> {
  const root = await tempDirectory();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return root;
}

/** Plans the image of the project in a folder of a tree; its graph is `agent.ts` unless told otherwise. */
export async function planOf(
  files: Readonly<Record<string, string | object>>,
  { folder = "", root: given, ...request }: Partial<ImageRequest> & { folder?: string; root?: string } = {},
) {
  const root = given ?? (await writeTree(files));
  const plan = await planImage({
    configFile: path.join(root, folder, "aegra.json"),
    graphs: { agent: path.join(root, folder, "agent.ts") },
    envFiles: [],
    aegraVersion: "1.2.3",
    baseImage: "node:24-slim",
    installCommand: null,
    buildCommand: undefined,
    buildArgs: [],
    secrets: new Map(),
    runtimeSource: "packed",
    environment: {},
    ...request,
  });
  return { root, plan };
}

/** The smallest project. */
export const PROJECT = {
  "package.json": { name: "demo", dependencies: { aegra: "^1.0.0" } },
  "package-lock.json": "{}",
  "aegra.json": "{}",
  "agent.ts": "",
};
