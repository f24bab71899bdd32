import { Hono } from "hono";
import { expect, test } from "vitest";
import type { Env } from "../../../src/server/http/env.ts";
import { limitBody } from "../../../src/server/http/limit-body.ts";
import { createErrorHandler } from "../../../src/server/http/problem.ts";

const LIMIT_BYTES = 10;

const app = new Hono<Env>()
  .onError(createErrorHandler(() => false))
  .use(limitBody(LIMIT_BYTES))
  .all("/", async (c) => c.text(await c.req.text()));

/** A request, and whether its body was looked at, which makes a stream of it. */
function request(init: RequestInit & { readonly duplex?: "half" }) {
  const made = new Request("http://server.test/", init);
  const looks = { atBody: 0 };
  const body = made.body;
  Object.defineProperty(made, "body", {
    get() {
      looks.atBody += 1;
      return body;
    },
  });
  return { made, looks };
}

const withLength = (text: string): RequestInit => ({
  method: "POST",
  body: text,
  headers: { "Content-Length": String(text.length) },
});

const inChunks = (text: string) => ({
  method: "POST",
  body: new Blob([text]).stream(),
  duplex: "half" as const,
});

test("a body of a length that is declared and allowed is left to whoever reads it", async () => {
  const { made, looks } = request(withLength("0123456789"));
  const response = await app.request(made);
  expect(await response.text()).toBe("0123456789");
  expect(looks.atBody).toBe(0);
});

test("of a request that has no body none is looked for", async () => {
  const { made, looks } = request({ method: "GET" });
  expect((await app.request(made)).status).toBe(200);
  expect(looks.atBody).toBe(0);
});

test("a body of unknown length is counted", async () => {
  expect(await (await app.request(request(inChunks("0123456789")).made)).text()).toBe("0123456789");
  expect((await app.request(request(inChunks("0123456789a")).made)).status).toBe(413);
});

test("a body that is declared to be too large is refused, as is one whose length is no number", async () => {
  expect((await app.request(request(withLength("0123456789a")).made)).status).toBe(413);
  const odd = { ...withLength("0123456789a"), headers: { "Content-Length": "many" } };
  expect((await app.request(request(odd).made)).status).toBe(413);
});
