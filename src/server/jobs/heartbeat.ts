import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import type { RenewedLease } from "../persistence/leases.ts";

export interface HeartbeatOptions {
  readonly databaseUrl: string;
  readonly workerId: string;
  readonly leaseMs: number;
  /** How long one attempt of a run may take. */
  readonly timeoutMs: number;
}

/** What the thread is started with. */
export interface HeartbeatData extends HeartbeatOptions {
  /** Numbers that both threads see at once; see the two constants below. */
  readonly shared: BigInt64Array<SharedArrayBuffer>;
}

/** When leases were last renewed, in nanoseconds of the process's own clock, which is the same in all threads. */
export const RENEWED_NS = 0;
/** How many runs are held; without any there is nothing to renew. */
export const HELD = 1;

/** What the thread tells. */
export type HeartbeatReport =
  | { readonly type: "renewed"; readonly startedNs: bigint; readonly leases: readonly RenewedLease[] }
  | { readonly type: "failed"; readonly error: unknown };

export interface Heartbeat extends AsyncDisposable {
  /** When the statement began that last renewed leases; also right when nothing has been heard of it yet. */
  renewedNs(): bigint;
  setHeld(count: number): void;
  /** Renews now. */
  check(): void;
}

interface Deps {
  readonly log: Logger;
  /** Told what a worker still holds. @param startedNs when it was asked */
  readonly onRenewed: (startedNs: bigint, leases: readonly RenewedLease[]) => void;
}

/** How long after its unexpected end the thread is started again. */
const RESTART_MS = 1000;
/** It holds a connection and some rows. A leak in it must not grow to the size of the server. */
const MAX_HEAP_MB = 128;
// The sources run as they are, the package as compiled: the file beside this one has the same extension.
const ENTRY = fileURLToPath(new URL(`./heartbeat-thread${extname(import.meta.url)}`, import.meta.url));

/**
 * Renews the leases of a worker in a thread and on a connection of its own, so that a node that keeps the event loop
 * busy does not lose its run. The thread dies with the process.
 */
export function startHeartbeat({ log, onRenewed }: Deps, options: HeartbeatOptions): Heartbeat {
  const shared = new BigInt64Array(new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT));
  let closing = false;
  let restart: NodeJS.Timeout | undefined;

  const start = (): Worker => {
    const started = new Worker(ENTRY, {
      name: "aegra heartbeat",
      workerData: { ...options, shared } satisfies HeartbeatData,
      // Flags of the process, such as modules to import first, are for its graphs.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    started.on("message", (report: HeartbeatReport) => {
      if (report.type === "renewed") onRenewed(report.startedNs, report.leases);
      else log.warn({ err: report.error }, "could not renew leases");
    });
    started.on("error", (error) => log.error({ err: error }, "heartbeat thread failed"));
    started.on("exit", () => {
      if (closing) return;
      restart = setTimeout(() => {
        thread = start();
      }, RESTART_MS);
    });
    return started;
  };
  let thread = start();

  return {
    renewedNs: () => Atomics.load(shared, RENEWED_NS),
    setHeld: (count) => void Atomics.store(shared, HELD, BigInt(count)),
    check: () => thread.postMessage("check"),
    async [Symbol.asyncDispose]() {
      closing = true;
      clearTimeout(restart);
      await thread.terminate();
    },
  };
}
