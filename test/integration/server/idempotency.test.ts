import { randomUUID } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/server/persistence/database.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { dataOf, namesOf, parseFrames, post, runIdOf } from "../../support/wire.ts";

const GRAPHS = { agent: "chat.ts:graph", slow: "slow.ts:graph", failing: "failing.ts:graph" };

const server = sharedServer({ graphs: GRAPHS });

const hi = { assistant_id: "agent", input: { messages: [{ role: "user", content: "hi" }] } };

const newThread = async () => (await server.client.threads.create()).thread_id;

const send = (path: string, body: object, key: string) =>
  post(`${server.url}${path}`, body, { "idempotency-key": key });

interface Told {
  readonly run_id: string;
}

const countRuns = async (): Promise<number> => {
  const { rows } = await server.db.query<{ count: number }>("select count(*)::int as count from runs");
  return rows[0]?.count ?? 0;
};

describe("a request for a run that is sent twice", () => {
  test("makes one run, and the second answer says so and shows it as it is", async () => {
    const path = `/threads/${await newThread()}/runs`;
    const key = randomUUID();
    const first = await send(path, hi, key);
    const run = (await first.json()) as Told;
    await server.client.runs.join(path.split("/")[2] ?? "", run.run_id);

    const second = await send(path, hi, key);

    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(second.headers.get("content-location")).toBe(first.headers.get("content-location"));
    expect(await second.json()).toMatchObject({ run_id: run.run_id, status: "success" });
    expect(await (await fetch(`${server.url}${path}`)).json()).toHaveLength(1);
  });

  test.each(["POST /threads/:thread_id/runs/stream", "POST /runs/stream"])(
    "%s: streams the first run from its beginning",
    async (route) => {
      const path = (route.split(" ")[1] ?? "").replace(":thread_id", await newThread());
      const key = randomUUID();
      const body = { ...hi, stream_mode: ["values"] };
      const first = await (await send(path, body, key)).text();

      const second = await send(path, body, key);

      expect(second.headers.get("idempotency-replayed")).toBe("true");
      expect(parseFrames(await second.text())).toEqual(parseFrames(first));
    },
  );

  test.each(["POST /threads/:thread_id/runs/wait", "POST /runs/wait"])(
    "%s: is answered with what the first run left",
    async (route) => {
      const path = (route.split(" ")[1] ?? "").replace(":thread_id", await newThread());
      const key = randomUUID();
      const first = await (await send(path, hi, key)).json();

      const second = await send(path, hi, key);

      expect(second.headers.get("idempotency-replayed")).toBe("true");
      expect(await second.json()).toEqual(first);
    },
  );

  test("joins the run while it goes on", async () => {
    const path = `/threads/${await newThread()}/runs/stream`;
    const key = randomUUID();
    const gate = createGate();
    const body = { assistant_id: "slow", input: { gate: gate.name } };
    const first = send(path, body, key).then((response) => response.text());
    await gate.arrived;

    const second = await send(path, body, key);
    gate.open();

    const [frames, again] = [parseFrames(await first), parseFrames(await second.text())];
    expect(runIdOf(again)).toBe(runIdOf(frames));
    expect(again.at(-1)).toEqual(frames.at(-1));
  });

  test("finds the run of a stateless request whose row is gone", async () => {
    const key = randomUUID();
    const first = (await (await send("/runs", hi, key)).json()) as Told;
    await expect
      .poll(
        async () => (await server.db.query("select from runs where run_id = $1", [first.run_id])).rowCount,
      )
      .toBe(0);

    expect(await (await send("/runs", hi, key)).json()).toEqual(first);
  });

  test("makes a batch once", async () => {
    const key = randomUUID();
    const batch = [hi, { ...hi, on_completion: "keep" }];
    const first = (await (await send("/runs/batch", batch, key)).json()) as Told[];

    const second = await send("/runs/batch", batch, key);

    expect(second.headers.get("idempotency-replayed")).toBe("true");
    const ids = ((await second.json()) as Told[]).map(({ run_id }) => run_id);
    expect(ids).toEqual(first.map(({ run_id }) => run_id));
  });

  test("may change its way of following, the order of its fields, and its other headers", async () => {
    const threadId = await newThread();
    const key = randomUUID();
    const stream = await (await send(`/threads/${threadId}/runs/stream`, hi, key)).text();

    const again = await post(
      `${server.url}/threads/${threadId.toUpperCase()}/runs`,
      { input: hi.input, assistant_id: hi.assistant_id },
      { "idempotency-key": key, "x-attempt": "2" },
    );

    expect(await again.json()).toMatchObject({ run_id: runIdOf(parseFrames(stream)) });
  });

  test("is told that the run is gone when nothing is known of it any more", async () => {
    const gone = await testServer({ graphs: GRAPHS });
    const { thread_id } = await gone.client.threads.create();
    const key = randomUUID();
    const path = `/threads/${thread_id}/runs/wait`;
    const first = await post(`${gone.url}${path}`, hi, { "idempotency-key": key });
    await first.text();
    await gone.client.threads.delete(thread_id);
    await gone.close();
    const other = await testServer({ graphs: GRAPHS, databaseUrl: gone.databaseUrl });
    const db = openDatabase(gone.databaseUrl, { max: 1, onIdleError: () => undefined });
    onTestFinished(db.close);
    await db.query("truncate run_ends");

    const again = await post(`${other.url}${path}`, hi, { "idempotency-key": key });

    expect(again.status).toBe(404);
  });
});

test("of simultaneous requests with one key, one makes the run and all get it", async () => {
  const other = await testServer({ graphs: GRAPHS, databaseUrl: server.databaseUrl });
  const path = `/threads/${await newThread()}/runs`;
  const key = randomUUID();
  const before = await countRuns();

  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      post(`${index % 2 === 0 ? server.url : other.url}${path}`, hi, { "idempotency-key": key }),
    ),
  );

  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  const runs = (await Promise.all(answers.map((answer) => answer.json()))) as Told[];
  expect(new Set(runs.map(({ run_id }) => run_id)).size).toBe(1);
  expect(answers.filter(({ headers }) => !headers.has("idempotency-replayed"))).toHaveLength(1);
  expect(await countRuns()).toBe(before + 1);
});

test("of simultaneous different requests with one key, one gets through", async () => {
  const path = `/threads/${await newThread()}/runs`;
  const key = randomUUID();

  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => send(path, { ...hi, metadata: { index } }, key)),
  );

  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(7).fill(409)]);
});

describe("a key", () => {
  test("that was used for another request is refused, whatever differs", async () => {
    const threadId = await newThread();
    const key = randomUUID();
    await (await send(`/threads/${threadId}/runs`, hi, key)).text();

    const others = [
      send(`/threads/${threadId}/runs`, { ...hi, metadata: { other: true } }, key),
      send(`/threads/${await newThread()}/runs`, hi, key),
      send("/runs", hi, key),
      send("/runs/batch", [hi], key),
    ];

    for (const answer of await Promise.all(others)) {
      expect(answer.status).toBe(409);
      expect(await answer.json()).toMatchObject({
        error: "conflict",
        message: `Idempotency-Key '${key}' was used for another request; choose a new key for this one`,
      });
    }
  });

  test("of a request that was refused is free", async () => {
    const threadId = randomUUID();
    const key = randomUUID();
    expect((await send(`/threads/${threadId}/runs`, hi, key)).status).toBe(404);
    await server.client.threads.create({ threadId });

    const answer = await send(`/threads/${threadId}/runs`, hi, key);

    expect(answer.status).toBe(200);
    expect(answer.headers.get("idempotency-replayed")).toBeNull();
  });

  test("is forgotten when its time is over, and swept", async () => {
    const key = randomUUID();
    const first = (await (await send("/runs", hi, key)).json()) as Told;
    await server.db.query("update idempotency_keys set expires_at = now() where key = $1", [key]);

    const second = await send("/runs", { ...hi, metadata: { other: true } }, key);

    expect(second.status).toBe(200);
    expect(((await second.json()) as Told).run_id).not.toBe(first.run_id);

    await server.db.query("update idempotency_keys set expires_at = now() where key = $1", [key]);
    // Sweeping is the first thing that a server does.
    await testServer({ graphs: GRAPHS, databaseUrl: server.databaseUrl });
    await expect
      .poll(
        async () => (await server.db.query("select from idempotency_keys where key = $1", [key])).rowCount,
      )
      .toBe(0);
  });

  test.each([
    ["an empty one", ""],
    ["one that is too long", "k".repeat(256)],
    ["one with other characters", "caf\u00e9"],
  ])("%s is refused", async (_, key) => {
    const answer = await send("/runs", hi, key);

    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({
      message: "Idempotency-Key: must be 1 to 255 visible ASCII characters",
    });
  });

  test("does not hide the failure of its run", async () => {
    const path = `/threads/${await newThread()}/runs/stream`;
    const key = randomUUID();
    const body = { assistant_id: "failing", input: {} };
    const first = parseFrames(await (await send(path, body, key)).text());

    const second = parseFrames(await (await send(path, body, key)).text());

    expect(namesOf(second).at(-1)).toBe("error");
    expect(dataOf(second, "error")).toEqual(dataOf(first, "error"));
  });
});
