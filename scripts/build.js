// Compiles src/ to dist/, copies what tsc does not (SQL, the page of the API's reference), and writes oclif's
// manifest so that no command file has to be loaded to find out which commands there are.
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
// Its licences go with it. The source maps are larger than the rest of the package.
for (const file of [
  "swagger-ui-bundle.js",
  "swagger-ui-bundle.js.LICENSE.txt",
  "swagger-ui.css",
  "LICENSE",
  "NOTICE",
]) {
  cpSync(bin(join("swagger-ui-dist", file)), join(root, "dist/server/http/routes/swagger-ui", file));
}
node(bin("oclif/bin/run.js"), "manifest");
