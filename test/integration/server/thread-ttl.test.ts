import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({ graphs: { steps: "steps.ts:graph" } });

interface Ttl {
  readonly strategy: string;
  readonly ttl_minutes: number;
  readonly expires_at: string;
}

const MINUTE_MS = 60_000;

async function ttlOf(threadId: string): Promise<Ttl | undefined> {
  const thread = await server.client.threads.get(threadId, { include: ["ttl"] });
  return (thread as { ttl?: Ttl }).ttl;
}

const create = async (ttl: unknown): Promise<string> => {
  const response = await post(`${server.url}/threads`, { ttl });
  return ((await response.json()) as { thread_id: string }).thread_id;
};

const patch = (threadId: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/threads/${threadId}`, {
    method: "PATCH",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

describe("the time to live of a thread", () => {
  test.each([
    ["minutes", 1.5, { strategy: "delete", ttl_minutes: 1.5 }],
    ["minutes in an object", { ttl: 30 }, { strategy: "delete", ttl_minutes: 30 }],
    ["a strategy", { ttl: 30, strategy: "keep_latest" }, { strategy: "keep_latest", ttl_minutes: 30 }],
  ])("is kept as %s, and counts from now", async (_what, given, kept) => {
    const threadId = await create(given);
    const [earliest, ttl] = [(await server.client.threads.get(threadId)).created_at, await ttlOf(threadId)];
    expect(ttl).toEqual({ ...kept, expires_at: expect.any(String) });
    const lifeMs = new Date(ttl?.expires_at ?? 0).getTime() - new Date(earliest).getTime();
    expect(lifeMs).toBe(kept.ttl_minutes * MINUTE_MS);
  });

  test("is not shown unless it is asked for, and not there unless it was given", async () => {
    const threadId = await create(60);
    expect(await server.client.threads.get(threadId)).not.toHaveProperty("ttl");
    expect(await ttlOf(await create(null))).toBeUndefined();
  });

  test.each(["include=ttl", "include=ttl,ttl", "include=ttl&include=ttl", "include=%5B%22ttl%22%5D"])(
    "is asked for with ?%s",
    async (query) => {
      const response = await fetch(`${server.url}/threads/${await create(60)}?${query}`);
      expect(await response.json()).toMatchObject({ ttl: { ttl_minutes: 60 } });
    },
  );

  test.each(["include=runs", "include=ttl,runs", "include=", "include=%5B1%5D"])(
    "is not what ?%s asks for, which is refused",
    async (query) => {
      expect((await fetch(`${server.url}/threads/${await create(60)}?${query}`)).status).toBe(422);
    },
  );

  test("can be changed, stays when it is not named, and is taken away by null", async () => {
    const threadId = await create({ ttl: 60, strategy: "keep_latest" });
    await server.client.threads.update(threadId, { metadata: { a: 1 } });
    expect(await ttlOf(threadId)).toMatchObject({ strategy: "keep_latest", ttl_minutes: 60 });
    await server.client.threads.update(threadId, { ttl: 5 });
    expect(await ttlOf(threadId)).toMatchObject({ strategy: "delete", ttl_minutes: 5 });
    await patch(threadId, { ttl: null });
    expect(await ttlOf(threadId)).toBeUndefined();
    expect((await server.client.threads.get(threadId)).metadata).toEqual({ a: 1 });
  });

  test.each([-1, "5", 1e10, { strategy: "delete" }, { ttl: 1, strategy: "hide" }, { ttl: 1, sweep: 1 }])(
    "cannot be %j",
    async (ttl) => {
      expect((await post(`${server.url}/threads`, { ttl })).status).toBe(422);
      expect((await patch(await create(1), { ttl })).status).toBe(422);
    },
  );
});

describe("a change of a thread", () => {
  test("is answered without a body for clients that prefer that", async () => {
    const threadId = await create(null);
    const answer = await server.client.threads.update(threadId, { metadata: { a: 1 }, returnMinimal: true });
    expect(answer).toBeUndefined();
    const response = await patch(threadId, { metadata: { b: 2 } }, { Prefer: "return=minimal" });
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(response.headers.get("Preference-Applied")).toBe("return=minimal");
    expect((await server.client.threads.get(threadId)).metadata).toEqual({ a: 1, b: 2 });
  });

  test("is not found as ever, whatever the client prefers", async () => {
    const response = await patch(crypto.randomUUID(), {}, { Prefer: "return=minimal" });
    expect(response.status).toBe(404);
  });
});
