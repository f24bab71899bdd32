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
      for (const parentURL of [project, langGraphOf(project)]) {
        try {
          if (parentURL !== null) return nextResolve(specifier, { ...context, parentURL });
        } catch {
          // Not there: the next candidate, or our own copy, is the answer.
        }
      }
      return nextResolve(specifier, context);
    },
  });
}

/**
 * Where the project's LangGraph lies. With pnpm the checkpoint package can be found from there only.
 * @returns null when the project has none
 */
function langGraphOf(project: string): string | null {
  try {
    return import.meta.resolve("@langchain/langgraph", project);
  } catch {
    return null;
  }
}
