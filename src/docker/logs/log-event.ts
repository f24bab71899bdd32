import type { ServiceContainer } from "./project-containers.ts";
import type { LogLine } from "./read-log-lines.ts";

/** Where a line was read: from what was there, or while it was written. */
export type LogSource = "history" | "live";

/** What is told of the logs of a project. */
export type LogEvent =
  | {
      readonly kind: "line";
      readonly container: ServiceContainer;
      readonly line: LogLine;
      readonly source: LogSource;
    }
  | { readonly kind: "started" | "removed"; readonly container: ServiceContainer; readonly ts: string }
  | {
      readonly kind: "exited";
      readonly container: ServiceContainer;
      readonly ts: string;
      readonly exitCode: number | null;
      /** Whether the kernel ended it, because it used more memory than it may. */
      readonly oom: boolean;
    }
  | { readonly kind: "unreadable"; readonly container: ServiceContainer; readonly reason: string }
  /** There is no container yet; the first one is waited for. */
  | { readonly kind: "waiting" }
  /** The engine has gone away; it is waited for. */
  | { readonly kind: "disconnected"; readonly reason: string }
  | { readonly kind: "reconnected" };

export interface LogSink {
  /** Called for every line once, in the order of its container. @returns whether it is wanted */
  readonly keep: (container: ServiceContainer, line: LogLine) => boolean;
  /** Resolves when the next one can be told. */
  readonly tell: (event: LogEvent) => Promise<void>;
}
