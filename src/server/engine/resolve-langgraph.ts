import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** LangGraph and what must be the same copy as it: its classes are told apart with `instanceof`. */
const SHARED = /^@langchain\/(langgraph|langgraph-checkpoint|core)(\/|$)/;

const OWN_FILES = new URL("../../", import.meta.url).href;
const SAVER_FILES = new URL("./", import.meta.resolve("@langchain/langgraph-checkpoint-postgres")).href;

/**
 * Makes this process use the project's copy of LangGraph, also where Aegra itself is installed elsewhere
 * (npx, global). Call it before anything of LangGraph is loaded.
 *
 * Only imports of Aegra's own files are redirected; the project's resolve as ever. A project without
 * LangGraph gets Aegra's copy.
 */
export function useLangGraphOf(projectRoot: string): void {
  const project = pathToFileURL(join(projectRoot, "package.json")).href;

  registerHooks({
    resolve(specifier, context, nextResolve) {
      const importer = context.parentURL ?? "";
      const isOurs = importer.startsWith(OWN_FILES) || importer.startsWith(SAVER_FILES);
      if (!isOurs || !SHARED.test(specifier)) return nextResolve(specifier, context);
      const from = (parentURL: string) => nextResolve(specifier, { ...context, parentURL });
      // With pnpm the project may see LangGraph only, and LangGraph the others.
      const langGraph = () => nextResolve("@langchain/langgraph", { ...context, parentURL: project }).url;
      return (
        foundOrNull(() => from(project)) ??
        foundOrNull(() => from(langGraph())) ??
        // Named again: Node has put the places that were tried into `context`.
        from(importer)
      );
    },
  });
}

/** @returns null when it is not there: the next place, or our own copy, is the answer then */
function foundOrNull<T>(resolve: () => T): T | null {
  try {
    return resolve();
  } catch {
    return null;
  }
}
