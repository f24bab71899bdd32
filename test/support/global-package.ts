import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { npm } from "./npm.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The package as npm would publish it: a tarball. */
    packageTarball: string;
    /** The program of that package, installed in a folder with nothing else: what `npx aegra` would run. */
    packagedProgram: string;
  }
}

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Packs what `npm run build` has built, once for the whole run. */
export default function setup(project: TestProject): () => void {
  if (!existsSync(path.join(ROOT, "dist")) || !existsSync(path.join(ROOT, "oclif.manifest.json"))) {
    throw new Error("There is no build to test. Run `npm run test:e2e`, which builds first.");
  }
  const directory = mkdtempSync(path.join(tmpdir(), "aegra-package-"));
  const packed = run(ROOT, "pack", "--json", "--ignore-scripts", "--pack-destination", directory);
  const [{ filename }] = Object.values(JSON.parse(packed) as object) as [{ filename: string }];
  const tarball = path.join(directory, filename);
  writeFileSync(path.join(directory, "package.json"), JSON.stringify({ private: true }));
  run(directory, "install", "--no-audit", "--no-fund", "--prefer-offline", tarball);
  project.provide("packageTarball", tarball);
  project.provide("packagedProgram", path.join(directory, "node_modules", "aegra", "bin", "run.js"));
  return () => rmSync(directory, { recursive: true, force: true });
}

function run(cwd: string, ...words: string[]): string {
  const [command, ...args] = npm(...words);
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}
