// Writes aegra.schema.json, which editors use, from the schema that the server checks the file with.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { toConfigJsonSchema } from "../src/config/schema.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = join(root, "aegra.schema.json");

writeFileSync(target, `${JSON.stringify(toConfigJsonSchema(), null, 2)}\n`);
const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
execFileSync(process.execPath, [biome, "format", "--write", target], { cwd: root, stdio: "inherit" });
