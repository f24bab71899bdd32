import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { npm } from "./npm.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The package as npm would publish it: a tarball. */
    packageTarball: string;
  }
}

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Packs what `npm run build` has built, once for the whole run. */
export default function setup(project: TestProject): () => void {
  if (!existsSync(path.join(ROOT, "dist")) || !existsSync(path.join(ROOT, "oclif.manifest.json"))) {
    throw new Error("There is no build to test. Run `npm run test:e2e`, which builds first.");
  }
  const directory = mkdtempSync(path.join(tmpdir(), "aegra-package-"));
  const [command, ...args] = npm("pack", "--json", "--ignore-scripts", "--pack-destination", directory);
  const output = execFileSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const packed = Object.values(JSON.parse(output) as object) as { filename: string }[];
  project.provide("packageTarball", path.join(directory, packed[0]?.filename ?? ""));
  return () => rmSync(directory, { recursive: true, force: true });
}
