import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const run = promisify(execFile);
const SCRIPT = path.resolve("test/fixtures/print-shared-copy.ts");
const REAL = import.meta.resolve("@langchain/langgraph-checkpoint");

/** A project with packages at these places below it; the one that matters says so when it is loaded. */
async function project(...places: readonly string[]): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), "aegra-copy-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  for (const place of places) {
    const directory = path.join(root, place);
    await mkdir(directory, { recursive: true });
    await writeFile(path.join(directory, "package.json"), '{ "type": "module", "exports": "./index.js" }');
    await writeFile(
      path.join(directory, "index.js"),
      `globalThis.aegraTestCopy = 1; export * from "${REAL}";`,
    );
  }
  return root;
}

const copyOf = async (root: string) => (await run(process.execPath, [SCRIPT, root])).stdout;

const LANGGRAPH = "node_modules/@langchain/langgraph";
const CHECKPOINT = "node_modules/@langchain/langgraph-checkpoint";

test("the saver shares the project's copy, also where only its LangGraph can see that, as with pnpm", async () => {
  expect(await copyOf(await project(CHECKPOINT))).toBe("the project's");
  expect(await copyOf(await project(LANGGRAPH, `${LANGGRAPH}/${CHECKPOINT}`))).toBe("the project's");
});

test("a project without LangGraph gets our own copy", async () => {
  expect(await copyOf(await project())).toBe("our own");
});
