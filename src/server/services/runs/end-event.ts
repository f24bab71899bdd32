import type { NewRunEvent, RunResult } from "../../domain/run.ts";

/** The last event of a stream. A failed run ends with its error. */
export const toEndEvent = (run_id: string, { status, error }: RunResult): NewRunEvent =>
  error === null
    ? { event: "end", data: JSON.stringify({ run_id, status }) }
    : { event: "error", data: JSON.stringify(error) };
