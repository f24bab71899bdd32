// Compiles src/ to dist/, copies what tsc does not (SQL), and writes oclif's manifest so that no command
// file has to be loaded to find out which commands there are.
import { execFileSync } from "node:child_process";
import { cpSync, globSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name) => join(root, "node_modules", name);
const node = (script, ...args) =>
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });

rmSync(join(root, "dist"), { recursive: true, force: true });
node(bin("typescript/bin/tsc"), "-p", "tsconfig.build.json");
for (const file of globSync("src/**/*.sql", { cwd: root })) {
  cpSync(join(root, file), join(root, "dist", file.slice("src/".length)));
}
node(bin("oclif/bin/run.js"), "manifest");
