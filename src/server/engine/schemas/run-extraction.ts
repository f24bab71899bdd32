import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Extraction, ExtractionOrder, ExtractionReport, StaticSource } from "./static-schemas.ts";

/** Why there is no extraction. */
export interface NoExtraction {
  readonly problem: "not_installed" | "timed_out" | "failed";
  readonly reason: string;
  /** What the user can do. */
  readonly suggestions: readonly string[];
}

export interface ExtractionOptions {
  readonly root: string;
  readonly timeoutMs: number;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

const INSTALL_EXTRACTOR = "npm install --save-dev @langchain/langgraph-api@1.5.1 typescript@5.9.3";

const SUGGESTIONS = [`It is known to work with: ${INSTALL_EXTRACTOR}`];

const MAX_HEAP_MB = 2048;
// The sources run as they are, the package as compiled: the file beside this one has the same extension.
const ENTRY = fileURLToPath(new URL(`./extractor-process${extname(import.meta.url)}`, import.meta.url));

/**
 * Reads the schemas of graphs out of their TypeScript, in a process of its own, with the project's copy of
 * `@langchain/langgraph-api`. The process is gone when this returns.
 */
export async function runExtraction(
  sources: readonly StaticSource[],
  { root, timeoutMs, signal }: ExtractionOptions,
): Promise<Extraction | NoExtraction> {
  const module = findExtractor(root);
  if (module === null) {
    return {
      problem: "not_installed",
      reason: `their types are only in TypeScript, and what reads them is not installed (${INSTALL_EXTRACTOR})`,
      suggestions: [`Run: ${INSTALL_EXTRACTOR}`],
    };
  }
  const child = fork(ENTRY, [], {
    execArgv: [`--max-old-space-size=${MAX_HEAP_MB}`],
    // It prints what the compiler thinks of the project.
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const exited = once(child, "exit").catch(() => undefined);
  const bound = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const kill = () => void child.kill("SIGKILL");
  bound.addEventListener("abort", kill);
  if (bound.aborted) kill();
  try {
    const report = await askFor(child, { root, sources, module });
    if (report.type === "extracted") return report.extraction;
    if (!bound.aborted) return { problem: "failed", reason: report.reason, suggestions: SUGGESTIONS };
    const reason = `reading them took longer than ${timeoutMs / 1000} s`;
    return { problem: "timed_out", reason, suggestions: [] };
  } finally {
    kill();
    await exited;
    bound.removeEventListener("abort", kill);
  }
}

/** The version of the project's copy. @returns null when it has none */
export function findExtractorVersion(root: string): string | null {
  if (findExtractor(root) === null) return null;
  const require = createRequire(join(root, "package.json"));
  return (require("@langchain/langgraph-api/package.json") as { readonly version: string }).version;
}

/** The project's copy, which is there in development only. @returns null when there is none */
function findExtractor(root: string): string | null {
  try {
    return createRequire(join(root, "package.json")).resolve("@langchain/langgraph-api/schema");
  } catch {
    // Not installed: the answer, not an error.
    return null;
  }
}

function askFor(child: ChildProcess, order: ExtractionOrder): Promise<ExtractionReport> {
  const { promise, resolve } = Promise.withResolvers<ExtractionReport>();
  const fail = (reason: string) => resolve({ type: "failed", reason });
  child.once("message", resolve);
  child.once("error", (error) => fail(error.message));
  child.once("exit", (code, signal) =>
    fail(`the process that reads them ended (${signal ?? `code ${code}`})`),
  );
  child.send(order, () => undefined);
  return promise;
}
