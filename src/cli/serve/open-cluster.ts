import type { ChildProcess } from "node:child_process";
import cluster from "node:cluster";
import { SERVER_PROCESS } from "../server-process/start-server-process.ts";

/**
 * Prepares processes that share the ports they listen on: this process accepts connections and gives them to one after
 * the other, on every system.
 *
 * @returns starts one
 */
export function openCluster(cwd: string): () => ChildProcess {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({
    exec: SERVER_PROCESS,
    args: [],
    cwd,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  return () => {
    const worker = cluster.fork();
    // It repeats the error of the process, which is where it is looked at.
    worker.on("error", () => undefined);
    return worker.process;
  };
}
