#!/usr/bin/env node
// Runs the CLI from src/ with Node's own type stripping. Points oclif at the sources itself, because
// oclif finds them through TypeScript's JS API, which TypeScript 7 no longer has.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { flush, handle, run } from "@oclif/core";

const root = fileURLToPath(new URL("..", import.meta.url));
const pjson = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
pjson.oclif = {
  ...pjson.oclif,
  commands: { strategy: "pattern", target: "./src/cli/commands", globPatterns: ["**/*.ts"] },
  hooks: { command_not_found: "./src/cli/hooks/command-not-found.ts" },
};
// A manifest that a build has left is about dist/.
await run(process.argv.slice(2), { root, pjson, ignoreManifest: true }).then(() => flush(), handle);
