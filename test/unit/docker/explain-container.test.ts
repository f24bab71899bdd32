import { expect, test } from "vitest";
import { explainContainer } from "../../../src/docker/stack/diagnose.ts";

type Facts = Parameters<typeof explainContainer>[0];

const facts = (state: object, rest: object = {}) =>
  ({
    Name: "/demo-api-1",
    RestartCount: 0,
    HostConfig: {},
    Config: { Labels: { "com.docker.compose.service": "api" } },
    State: {
      Running: false,
      ExitCode: 1,
      Error: "",
      OOMKilled: false,
      StartedAt: "2026-01-01T00:00:00Z",
      ...state,
    },
    ...rest,
  }) as unknown as Facts;

const explain = (state: object, text = "", rest: object = {}) =>
  explainContainer(facts(state, rest), text, { lines: 3, secrets: ["hunter2"] });

test("the last lines are shown, without passwords", () => {
  const { log, container, service } = explain({}, "one\ntwo\nurl is postgres://aegra:hunter2@db\nfour\n");
  expect(log).toEqual(["two", "url is postgres://aegra:***@db", "four"]);
  expect({ container, service }).toEqual({ container: "demo-api-1", service: "api" });
});

test("the cause is looked for above the lines that are shown", () => {
  const text = `  throw new ERR_MODULE_NOT_FOUND(packageName)\nError [ERR_MODULE_NOT_FOUND]: Cannot find package 'left-pad' imported from /app/agent.ts\n${"    at x\n".repeat(40)}`;
  expect(explain({}, text)).toMatchObject({
    code: "MODULE",
    hint: expect.stringContaining("left-pad is not in the image"),
  });
});

test.each([
  [
    { ExitCode: 137, OOMKilled: true },
    { HostConfig: { Memory: 64 * 2 ** 20 } },
    "OOM",
    "was ended for want of memory (its limit is 64 MB)",
  ],
  [{ ExitCode: 137 }, {}, "EXITED", "was ended by SIGKILL (code 137)"],
  [{ ExitCode: 127 }, {}, "EXITED", "ended with code 127 (its command was not found)"],
  [{ Running: true, ExitCode: 0 }, {}, "NOT_READY", "runs, and is not ready"],
  [
    { Running: true, Restarting: true, ExitCode: 9 },
    { RestartCount: 4 },
    "CRASH_LOOP",
    "keeps crashing: it was restarted 4 times, and last ended with code 9",
  ],
  [
    {
      Running: true,
      ExitCode: 0,
      Health: { Status: "unhealthy", FailingStreak: 3, Log: [{ Output: "ECONNREFUSED\n" }] },
    },
    {},
    "UNHEALTHY",
    'runs, and is unhealthy: 3 checks in a row have failed, the last one with "ECONNREFUSED"',
  ],
  // What is said of one that has stopped means nothing: every stop makes it unhealthy.
  [{ ExitCode: 3, Health: { Status: "unhealthy", FailingStreak: 1 } }, {}, "EXITED", "ended with code 3"],
])("a state of %j is explained: %j, %s", (state, rest, code, cause) => {
  expect(explain(state, "", rest)).toMatchObject({ code, cause });
});

test.each([
  ['{"msg":"Postgres refused the password of user \\"aegra\\""}', "DB_AUTH", "\\password aegra"],
  ['FATAL:  password authentication failed for user "aegra"', "DB_AUTH", "aegra psql, then \\password aegra"],
  [
    "FATAL:  database files are incompatible with server\nDETAIL:  The data directory was initialized by PostgreSQL version 16, which is not compatible",
    "DB_MAJOR",
    "pgvector/pgvector:pg16",
  ],
  ['ERROR: extension "vector" is not available', "NO_PGVECTOR", "pgvector/pgvector:pg17"],
  ["FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "HEAP", "--memory"],
  ["Error: OPENAI_API_KEY is not set", "MISSING_ENV", "Set OPENAI_API_KEY"],
  ["Missing required environment variable: STRIPE_KEY", "MISSING_ENV", "Set STRIPE_KEY"],
  ["Error: listen EADDRINUSE: address already in use :::2026", "PORT", "listens on the port already"],
  ["connect ECONNREFUSED 127.0.0.1:5432", "DB_DOWN", "host.docker.internal"],
  ["write: No space left on device", "DISK_FULL", "docker system df"],
  ["exec /usr/local/bin/tini: exec format error", "ARCHITECTURE", "another processor"],
])("advice is given for %s", (text, code, hint) => {
  expect(explain({}, text)).toMatchObject({ code, hint: expect.stringContaining(hint) });
});

test("where nothing is known, nothing is advised", () => {
  expect(explain({}, "boom")).toMatchObject({ code: "EXITED", hint: null });
});
