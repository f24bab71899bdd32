// Writes the tables of docs/protocol.md from what the server says about itself.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchDocument } from "../test/support/openapi-document.ts";
import { updatePage } from "../test/support/protocol-page.ts";

const page = join(fileURLToPath(new URL("..", import.meta.url)), "docs", "protocol.md");

writeFileSync(page, updatePage(readFileSync(page, "utf8"), await fetchDocument()));
