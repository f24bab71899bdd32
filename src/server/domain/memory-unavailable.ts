/** Longest chain of causes that is looked at. One that leads back to itself has no end. */
const MAX_CAUSES = 8;

/**
 * The server's own memory, its checkpoints or its store, could not be reached. Thrown to graphs in place of what the
 * database driver says, which would look the same if it came from a database of theirs.
 */
export class MemoryUnavailable extends Error {
  override readonly name = "MemoryUnavailable";

  constructor(cause: unknown) {
    super(
      `The server's memory cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
}

/** Whether that is what an error comes from, also where a graph has put another one around it. */
export function isMemoryUnavailable(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth++, current = current.cause) {
    if (current instanceof MemoryUnavailable) return true;
  }
  return false;
}
