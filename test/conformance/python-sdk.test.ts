import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, describe, expect, inject, test } from "vitest";

const VERSION = "0.4.5";
const run = promisify(execFile);

const packages = await mkdtemp(path.join(tmpdir(), "aegra-python-"));
afterAll(() => rm(packages, { recursive: true, force: true }));

/** A Python that has the SDK: that of AEGRA_TEST_PYTHON, or the machine's with what pip can get; or why not. */
async function findPython(): Promise<{ readonly python: string } | { readonly problem: string }> {
  const given = process.env["AEGRA_TEST_PYTHON"];
  if (given !== undefined && given !== "") return { python: given };
  const python = process.platform === "win32" ? "python" : "python3";
  const options = ["--quiet", "--disable-pip-version-check", "--retries", "0", "--timeout", "10"];
  try {
    const wanted = ["--target", packages, `langgraph_sdk==${VERSION}`];
    await run(python, ["-m", "pip", "install", ...options, ...wanted], { timeout: 120_000 });
    return { python };
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return { problem: (stderr?.trim() || message).split("\n").at(-1) ?? "" };
  }
}

const found = await findPython();
const isMissing = "problem" in found;
if (isMissing) process.stderr.write(`Not run: langgraph_sdk ${VERSION} for Python (${found.problem})\n`);

describe.skipIf(isMissing)(`langgraph_sdk ${VERSION} for Python`, () => {
  const seen = drive();
  // Every test waits for it and shows why it failed.
  seen.catch(() => undefined);

  test("manages assistants", async () =>
    expect((await seen)["assistants"]).toEqual({
      default: true,
      changed: ["changed", 2],
      versions: [2, 1],
      back: "from python",
      gone: 404,
      schemas: expect.arrayContaining(["graph_id", "input_schema", "output_schema", "state_schema"]),
      subgraphs: ["child"],
      nodes: ["__start__", "before", "child", "__end__"],
    }));

  test("manages threads and their state", async () =>
    expect((await seen)["threads"]).toEqual({
      empty: [{}, [], null],
      texts: ["hello", "You said: hello"],
      history: [[], ["model"], ["__start__"]],
      older: [["model"], ["__start__"]],
      minimal: null,
      found: [[1, { last: "edited" }]],
      copied: ["hello", "You said: hello", "edited"],
      pruned: 1,
      gone: 404,
    }));

  test("creates, streams, follows and cancels runs", async () =>
    expect((await seen)["runs"]).toEqual({
      created: true,
      events: ["custom", "end", "messages", "metadata", "updates", "values"],
      tokens: ["You ", "said: ", "hello"],
      again: [["hello"], ["hello", "You said: hello"]],
      subgraphs: ["metadata", "updates", "updates|child", "updates", "end"],
      rejected: 409,
      statuses: ["interrupted", "success"],
      batch: ["one", "You said: one"],
      failed: { __error__: { error: "TypeError", message: "the graph failed" } },
      unknown: 404,
      invalid: 422,
    }));

  test("answers what a graph asks", async () =>
    expect((await seen)["questions"]).toEqual({
      asked: { question: "Shall I?" },
      status: "interrupted",
      answered: ["do it", 'You answered: "yes"'],
    }));

  test("uses the store", async () =>
    expect((await seen)["store"]).toEqual({
      item: { rank: 1 },
      found: ["two"],
      namespaces: true,
      gone: null,
    }));
});

async function drive(): Promise<Record<string, unknown>> {
  if (!("python" in found)) throw new Error(found.problem);
  const script = path.join(import.meta.dirname, "python", "drive.py");
  const env = { ...process.env, PYTHONPATH: packages };
  const { stdout } = await run(found.python, [script, inject("conformanceServerUrl")], { env });
  return JSON.parse(stdout) as Record<string, unknown>;
}
