import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fetchDocument } from "../../support/openapi-document.ts";
import { updatePage } from "../../support/protocol-page.ts";

const page = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8").replaceAll(
  "\r\n",
  "\n",
);

test("docs/protocol.md says what the server does (node scripts/protocol.js brings it up to date)", async () => {
  expect(updatePage(page, await fetchDocument())).toBe(page);
});

test("docs/protocol.md has every operation, parameter and field", async () => {
  const { paths, components } = await fetchDocument();
  const names = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { parameters, requestBody }]) => {
      const ref = requestBody?.content["application/json"]?.schema.$ref?.split("/").at(-1) ?? "";
      const fields = Object.keys(components.schemas[ref]?.properties ?? {});
      const inQuery = parameters.filter((one) => one.in === "query").map(({ name }) => name);
      return [`${method.toUpperCase()} ${path}`, ...inQuery, ...fields];
    }),
  );

  expect(names.length).toBeGreaterThan(200);
  expect(names.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
});
