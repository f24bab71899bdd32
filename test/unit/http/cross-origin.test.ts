import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { type CorsRules, crossOrigin } from "../../../src/server/http/cross-origin.ts";

const RULES: CorsRules = {
  allow_origins: ["*"],
  allow_origin_regex: null,
  allow_methods: ["GET", "POST"],
  allow_headers: ["*"],
  allow_credentials: false,
  expose_headers: ["X-Own"],
  max_age_seconds: 60,
};
const ONE_ORIGIN = { allow_origins: ["https://a.test"], allow_credentials: true };

const appWith = (rules: Partial<CorsRules>) =>
  new Hono()
    .onError((_error, c) => c.json({}, 500))
    .use(crossOrigin({ ...RULES, ...rules }))
    .get("/json", (c) => c.json({}))
    .get("/stream", (c) => c.body(new Blob(["text"]).stream()))
    .get("/error", () => {
      throw new Error("broken");
    });

const ask = async (rules: Partial<CorsRules>, path: string, origin: string | null, method = "GET") =>
  appWith(rules).request(path, {
    method,
    headers: { ...(origin !== null && { Origin: origin }), "Access-Control-Request-Headers": "x-one, x-two" },
  });

describe.each(["/json", "/stream", "/error", "/missing"])("the answer of %s", (path) => {
  test("is for everyone when any origin is allowed", async () => {
    const { headers } = await ask({}, path, "https://a.test");
    expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(headers.get("Access-Control-Allow-Credentials")).toBeNull();
    expect(headers.get("Access-Control-Expose-Headers")).toMatch(/^Content-Location,.*,X-Own$/);
    expect(headers.get("Vary")).toBe("Origin");
  });

  test("is for an origin that is allowed, with credentials if they are", async () => {
    const { headers } = await ask(ONE_ORIGIN, path, "https://a.test");
    expect(headers.get("Access-Control-Allow-Origin")).toBe("https://a.test");
    expect(headers.get("Access-Control-Allow-Credentials")).toBe("true");
  });

  test.each(["https://b.test", "https://a.test.b.test", null])(
    "is not for %s when it is not allowed",
    async (origin) => {
      const { headers } = await ask(ONE_ORIGIN, path, origin);
      expect(headers.get("Access-Control-Allow-Origin")).toBeNull();
      expect(headers.get("Vary")).toBe("Origin");
    },
  );
});

test("an expression allows the origins that it matches as a whole", async () => {
  const rules = { allow_origins: [], allow_origin_regex: String.raw`https://\w+\.test` };
  const allowed = async (origin: string) =>
    (await ask(rules, "/json", origin)).headers.get("Access-Control-Allow-Origin");
  expect(await allowed("https://any.test")).toBe("https://any.test");
  expect(await allowed("https://any.test.com")).toBeNull();
});

test("a preflight is told what is allowed, and for how long", async () => {
  const { status, headers } = await ask(ONE_ORIGIN, "/json", "https://a.test", "OPTIONS");
  expect(status).toBe(204);
  expect(Object.fromEntries(headers)).toMatchObject({
    "access-control-allow-origin": "https://a.test",
    "access-control-allow-methods": "GET,POST",
    "access-control-allow-headers": "x-one,x-two",
    "access-control-max-age": "60",
  });
});

test("an answer goes out as it was made, so that the server writes it in one piece", async () => {
  const made: Response[] = [];
  const app = new Hono().use(crossOrigin(RULES)).get("/", (c) => {
    made.push(c.json({}));
    return made[0] ?? c.notFound();
  });
  expect(await app.request("/")).toBe(made[0]);
});
