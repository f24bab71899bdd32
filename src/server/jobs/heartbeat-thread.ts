import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { openDatabase } from "../persistence/database.ts";
import { renewLeases } from "../persistence/leases.ts";
import { HELD, type HeartbeatData, type HeartbeatReport, RENEWED_NS } from "./heartbeat.ts";
import { createOverdueCancels } from "./overdue-cancels.ts";

/**
 * How long after its limit a run is still kept, for its worker to stop the node and write down how it went. A worker
 * that has not done so by then never will: its event loop is blocked.
 */
const OVERTIME_MS = 60_000;

/** How long a worker may take to stop a run that is cancelled. It leaves a node behind that does not stop, sooner. */
const CANCEL_MS = 10_000;

const { databaseUrl, workerId, leaseMs, timeoutMs, shared } = workerData as HeartbeatData;
const port = parentPort;
if (port === null) throw new Error("this module runs in a thread");

const report = (message: HeartbeatReport) => port.postMessage(message);
const onError = (error: unknown) => report({ type: "failed", error });
const db = openDatabase(databaseUrl, {
  max: 1,
  // Every few seconds one statement: a pooler that does not keep prepared ones would be worse.
  preparesStatements: false,
  onIdleError: onError,
  // A connection that has died without a word must not keep the next beat waiting.
  queryTimeoutMs: Math.ceil(leaseMs / 2),
  idleTimeoutMs: 0,
});

const overdue = createOverdueCancels(CANCEL_MS, CANCEL_MS + OVERTIME_MS + 2 * leaseMs);
let renewing = false;
let again = false;

async function renew(): Promise<void> {
  const startedNs = process.hrtime.bigint();
  const leases = await renewLeases(db, workerId, {
    leaseMs,
    maxAgeMs: timeoutMs + OVERTIME_MS,
    exceptRuns: overdue.list(performance.now()),
  });
  overdue.see(leases, performance.now());
  Atomics.store(shared, RENEWED_NS, startedNs);
  report({ type: "renewed", startedNs, leases });
}

/** One statement at a time; a call during one makes it the next. */
async function check(): Promise<void> {
  again = true;
  if (renewing) return;
  renewing = true;
  while (again && Atomics.load(shared, HELD) > 0n) {
    again = false;
    await renew().catch(onError);
  }
  renewing = false;
}

setInterval(check, leaseMs / 3);
port.on("message", check);
// A thread that takes the place of one that died has leases to renew that are not as fresh as they might be.
void check();
