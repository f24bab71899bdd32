import type { StartOptions } from "../../server/main.ts";

/** What the supervisor tells the process of the server. */
export type Order = { readonly type: "start"; readonly options: StartOptions } | { readonly type: "stop" };

/** What the process of the server tells the supervisor, once: whether it serves. */
export type Report =
  | { readonly type: "ready"; readonly server: ServedProject }
  | { readonly type: "failed"; readonly failure: StartFailure };

export interface ServedProject {
  readonly url: string;
  /** Of the process that serves; it changes when it is restarted. */
  readonly pid: number;
  readonly graphs: readonly ServedGraph[];
  /** Files that the graphs are made of, absolute. */
  readonly loadedFiles: readonly string[];
}

export interface ServedGraph {
  readonly graph_id: string;
  /** Why it is not served, for people; null when it is. */
  readonly error: string | null;
}

/** A CliError that has crossed from one process to another. */
export interface StartFailure {
  readonly code: string;
  readonly message: string;
  readonly suggestions: readonly string[];
  readonly exitCode: number;
  /** Stack of what went wrong; null when there is none. */
  readonly stack: string | null;
}
