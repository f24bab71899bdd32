import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { type HostileRequest, hostileRequests } from "../../support/hostile-requests.ts";
import { ROUTES, servedRoutes } from "../../support/protocol-routes.ts";
import type { LogLine } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";

const SEED = Number(process.env["TEST_SEED"] ?? 20_261_122);
const REQUESTS_PER_ROUTE = 80;
const ERROR_LEVEL = 50;

const log: LogLine[] = [];
const server = sharedServer({
  graphs: { agent: "instant.ts:graph", nested: "instant.ts:nested", made: "instant.ts:made" },
  // A stream that has nothing to tell yet says so at once, so its status is known at once.
  environment: { maxBodyBytes: 2 ** 20, heartbeatMs: 50 },
  logLines: log,
});

afterEach(() => {
  expect(log.filter(({ level }) => level >= ERROR_LEVEL)).toEqual([]);
});

test("every route of the server is tried", () => {
  expect(Object.keys(ROUTES).toSorted()).toEqual(servedRoutes().toSorted());
});

describe(`seed ${SEED}`, () => {
  test.each(Object.entries(ROUTES))(
    "%s answers whatever it is sent, and says what is wrong",
    async (route, input) => {
      const given = await prepare();
      const statuses = new Set<number>();
      await fc.assert(
        fc.asyncProperty(hostileRequests(route, input, given), async (request) => {
          statuses.add(await check(request));
        }),
        { seed: SEED, numRuns: input.isProbe === true ? 10 : REQUESTS_PER_ROUTE, endOnFailure: true },
      );
      expect((await fetch(`${server.url}/ok`)).status).toBe(200);
      // Otherwise the requests were all alike, and the test shows nothing.
      expect(
        [...statuses].some((status) => status < 300),
        "a request is accepted",
      ).toBe(true);
      if (input.isProbe !== true) expect([...statuses].some((status) => status >= 400)).toBe(true);
    },
  );
});

/** A thread with a run and an assistant, for requests that name one. */
async function prepare() {
  const { client } = server;
  const { thread_id } = await client.threads.create();
  const { assistant_id } = await client.assistants.create({ graphId: "agent" });
  const { run_id } = await client.runs.create(thread_id, "agent", { input: { text: "hello" } });
  await client.runs.join(thread_id, run_id);
  const { checkpoint } = await client.threads.getState(thread_id);
  const checkpoint_id = checkpoint.checkpoint_id ?? "";
  return {
    ids: { thread_id, assistant_id, run_id, checkpoint_id },
    hints: {
      assistant_id: ["agent", "nested", "made", assistant_id],
      graph_id: ["agent"],
      metadata: [{}, { graph_id: "agent" }],
      include: ["ttl"],
      extract: [{ last: "values.messages[-1]" }],
      thread_id: [thread_id],
      checkpoint_id: [checkpoint_id],
      checkpoint_ns: [""],
      as_node: ["first"],
      after_seconds: [0],
      input: [{ text: "hello" }, { messages: [{ role: "user", content: "hello" }] }],
      values: [{ text: "hello" }, { messages: [{ role: "user", content: "hello" }] }, { items: ["hello"] }],
      update: [{ text: "hello" }, { messages: [{ role: "user", content: "hello" }] }],
      goto: ["first", { node: "second", input: {} }],
      resume: ["yes", null],
      filter: [{ text: { $gt: 1 } }],
      namespace: [["notes"]],
      key: ["one"],
      limit: [1, 10],
      offset: [0],
      version: [1],
      sort_by: ["created_at"],
      webhook: [null],
      feedback_keys: [null, []],
      checkpoint: [null, {}],
      ttl: [null, 1],
    },
  };
}

/** @returns the status */
async function check(request: HostileRequest): Promise<number> {
  const response = await fetch(`${server.url}${request.path}`, {
    method: request.method,
    headers: request.headers,
    body: request.body,
    signal: AbortSignal.timeout(10_000),
  });
  const { status } = response;
  if (status < 300) {
    // A stream or a wait would go on as long as its run.
    await response.body?.cancel();
    return status;
  }
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  checkProblem(status, (await response.json()) as Problem);
  return status;
}

interface Problem {
  readonly message: string;
  readonly details: {
    readonly issues: readonly { readonly path: string; readonly message: string }[];
  } | null;
}

function checkProblem(status: number, problem: Problem): void {
  expect(Object.keys(problem).toSorted()).toEqual(["detail", "details", "error", "message"]);
  expect(problem).toMatchObject({ error: expect.any(String), detail: problem.message });
  expect(problem.message).toMatch(/\w.*\w/);
  if (status !== 422 || /^(Thread|Graph) '/.test(problem.message)) return;
  expect(problem.details?.issues).not.toHaveLength(0);
  for (const { path, message } of problem.details?.issues ?? []) {
    expect(problem.message).toContain(path);
    expect(problem.message).toContain(message);
  }
}
