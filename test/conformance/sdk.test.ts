import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { SDKS } from "./support/sdks.ts";

test.each(SDKS)("$name is version $version", ({ name, version }) => {
  const manifest = path.join(import.meta.dirname, "node_modules", name, "package.json");
  expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ version });
});
