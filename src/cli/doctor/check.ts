import { toCliError } from "../to-cli-error.ts";

export type CheckStatus = "ok" | "warn" | "fail" | "skip";

/** What a check has found. The keys are frozen: scripts read them. */
export interface CheckResult {
  /** Stable name, e.g. `docker-disk`. */
  readonly id: string;
  readonly status: CheckStatus;
  readonly detail: string;
  /** What to do; null when there is nothing to do. */
  readonly fix: string | null;
}

type Found = Omit<CheckResult, "id">;

export const ok = (detail: string): Found => ({ status: "ok", detail, fix: null });
export const warn = (detail: string, fix: string | null = null): Found => ({ status: "warn", detail, fix });
export const fail = (detail: string, fix: string | null = null): Found => ({ status: "fail", detail, fix });
export const skip = (detail: string): Found => ({ status: "skip", detail, fix: null });

/** Runs a check. What the rooms throw is what it has found; a bug is not, and is thrown. */
export async function runCheck(id: string, check: () => Found | Promise<Found>): Promise<CheckResult> {
  try {
    return { id, ...(await check()) };
  } catch (error) {
    const known = toCliError(error);
    if (known.code === "UNEXPECTED") throw error;
    return { id, ...fail(known.message, known.suggestions[0] ?? null) };
  }
}

/** The same, where a failure does not matter as much. */
export const atWorst = (worst: "warn", result: CheckResult): CheckResult =>
  result.status === "fail" ? { ...result, status: worst } : result;
