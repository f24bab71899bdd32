/** The parts of a thread that a search can take values out of. */
const EXTRACT_ROOTS = ["values", "metadata", "config", "interrupts"] as const;
type ExtractRoot = (typeof EXTRACT_ROOTS)[number];

/** A place inside a thread. */
export interface ExtractPath {
  readonly root: ExtractRoot;
  /** Names and positions from there; a negative position counts from the end. Empty for all of the root. */
  readonly steps: readonly string[];
}

const STEP = /\.([^.[\]]+)|\[(-?\d{1,9})\]/y;

/**
 * Reads a path like `values.messages[-1].content`.
 * @returns null when it is none
 */
export function parseExtractPath(text: string): ExtractPath | null {
  const root = EXTRACT_ROOTS.find((name) => new RegExp(`^${name}(?![^.[])`).test(text));
  if (root === undefined) return null;
  const steps: string[] = [];
  let end = root.length;
  while (end < text.length) {
    STEP.lastIndex = end;
    const found = STEP.exec(text);
    if (found === null) return null;
    steps.push(found[1] ?? found[2] ?? "");
    end = STEP.lastIndex;
  }
  return { root, steps };
}
