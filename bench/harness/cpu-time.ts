import { readdir, readFile } from "node:fs/promises";

/** @see proc(5): the kernel counts in hundredths of a second wherever Node runs */
const TICK_MS = 10;

/**
 * CPU time that a process and its children have used so far, the ended ones included. Of all numbers the one
 * that a busy machine changes least.
 *
 * @returns null where the system does not tell, which is everywhere but on Linux
 */
export async function cpuTimeMs(pid: number): Promise<number | null> {
  if (process.platform !== "linux") return null;
  const all = await readAll();
  const own = all.filter((it) => it.pid === pid || it.parent === pid);
  return own.reduce((sum, { ticks }) => sum + ticks, 0) * TICK_MS;
}

interface ProcessTime {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

async function readAll(): Promise<readonly ProcessTime[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => null)));
  return stats.flatMap((stat) => (stat === null ? [] : [parseStat(stat)]));
}

/** @see proc_pid_stat(5): after the name come state and parent; fields 14 to 17 are the times, children's last */
function parseStat(stat: string): ProcessTime {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid: Number.parseInt(stat, 10), parent: Number(fields[1]), ticks };
}

/** The process that all others of a Postgres are children of. @param backendPid one of those */
export async function parentOf(backendPid: number): Promise<number | null> {
  if (process.platform !== "linux") return null;
  return parseStat(await readFile(`/proc/${backendPid}/stat`, "utf8")).parent;
}
