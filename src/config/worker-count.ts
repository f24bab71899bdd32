import { availableParallelism } from "node:os";

const MAX_WORKERS = 128;

/** What `toWorkerCount` takes, after "must be". */
export const WORKER_COUNT = `a whole number from 1 to ${MAX_WORKERS}, or auto`;

/**
 * How many processes to serve with; `auto` is one for each core that this process may use.
 *
 * @returns null when the text says neither
 */
export function toWorkerCount(text: string): number | null {
  if (text.toLowerCase() === "auto") return Math.min(availableParallelism(), MAX_WORKERS);
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= MAX_WORKERS ? count : null;
}
