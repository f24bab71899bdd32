const DRIVE = /^[A-Za-z]:[\\/]/;

/** A graph entry taken apart: `./src/agent.ts:graph` is the export `graph` of `./src/agent.ts`. */
interface GraphPath {
  readonly file: string;
  readonly exportName: string;
}

/**
 * Splits a graph entry into file and export, `"default"` when it names none.
 * Only a colon behind the last path separator counts, and never the one of a Windows drive (`C:\agent.ts`).
 */
export function toGraphPath(written: string): GraphPath {
  const colon = written.lastIndexOf(":");
  const lastSeparator = Math.max(written.lastIndexOf("/"), written.lastIndexOf("\\"));
  const isDrive = colon === 1 && DRIVE.test(written);
  if (colon < 0 || isDrive || colon < lastSeparator) return { file: written, exportName: "default" };
  return { file: written.slice(0, colon), exportName: written.slice(colon + 1) };
}

/** Says why a graph entry cannot be used, whatever is on disk; null when it can. */
export function findGraphPathProblem(written: string): string | null {
  const { file, exportName } = toGraphPath(written);
  if (file.trim() === "") return 'expected a file and an export, such as "./src/agent.ts:graph"';
  if (exportName.trim() === "") return "expected the name of an export after the colon";
  if (/\.pyi?$/i.test(file)) {
    return "expected a JavaScript or TypeScript file (Python graphs need the Python server)";
  }
  return null;
}
