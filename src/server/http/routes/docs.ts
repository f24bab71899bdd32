import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import type { Env } from "../env.ts";
import type { OpenApiDocument } from "../openapi/document.ts";

/** Nothing on the page comes from elsewhere, and nothing it shows can make it ask elsewhere. */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Paths are relative, so that the page works behind a proxy that adds a prefix. */
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Aegra API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="page"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

/** Without `validatorUrl: null` Swagger UI has a service on the internet check the description. */
const START = `SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
`;

const SCRIPT = "text/javascript; charset=utf-8";

/** The description of the API, for programs and for people. It needs no caller. */
export function docsRoutes(describe: () => OpenApiDocument) {
  let document: string | null = null;

  return new Hono<Env>()
    .get("/openapi.json", (c) => {
      document ??= JSON.stringify(describe());
      return c.body(document, 200, { "Content-Type": "application/json" });
    })
    .get("/docs", (c) => c.html(PAGE, 200, { "Content-Security-Policy": CONTENT_POLICY }))
    .get("/docs/start.js", (c) => c.body(START, 200, { "Content-Type": SCRIPT }))
    .get("/docs/swagger-ui-bundle.js", async (c) =>
      c.body(await readAsset("swagger-ui-bundle.js"), 200, asset(SCRIPT)),
    )
    .get("/docs/swagger-ui.css", async (c) =>
      c.body(await readAsset("swagger-ui.css"), 200, asset("text/css; charset=utf-8")),
    );
}

const asset = (type: string) => ({ "Content-Type": type, "Cache-Control": "public, max-age=3600" });

const readAsset = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(pathOf(name)));

/** The build puts the files next to this one; before it they are where npm installs them for development. */
function pathOf(name: string): string {
  const built = fileURLToPath(new URL(`./swagger-ui/${name}`, import.meta.url));
  if (existsSync(built)) return built;
  const require = createRequire(import.meta.url);
  return path.join(path.dirname(require.resolve("swagger-ui-dist/package.json")), name);
}
