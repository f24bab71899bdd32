import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { errorCode } from "./errors.ts";

/** What tells one process from another that gets the same pid later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Differs between two processes that had the same pid. Null where the system does not tell. */
  readonly startMark: string | null;
  /** Program and arguments; on Windows the program's name only. Null when the system does not tell. */
  readonly command: string | null;
}

const run = promisify(execFile);

/** @returns null when no such process lives; one that has ended and waits for its parent counts as ended */
export async function findProcess(pid: number): Promise<ProcessIdentity | null> {
  if (!isAlive(pid)) return null;
  if (process.platform === "linux") return findOnLinux(pid);
  if (process.platform === "win32") return findOnWindows(pid);
  return findWithPs(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    return errorCode(error) === "EPERM";
  }
}

/** @see proc_pid_stat(5): the name is in parentheses and may hold any character; field 3 is the state, 22 the start */
async function findOnLinux(pid: number): Promise<ProcessIdentity | null> {
  const stat = await readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return isAlive(pid) ? { pid, startMark: null, command: null } : null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return null;

  const startTicks = fields[19];
  // Ticks count from the start of the machine, where the same service gets the same pid at the same tick.
  const bootId = (await readOrNull("/proc/sys/kernel/random/boot_id"))?.trim() ?? "";
  const command = (await readOrNull(`/proc/${pid}/cmdline`))?.replaceAll("\0", " ").trim() ?? null;
  return { pid, startMark: startTicks === undefined ? null : `${bootId}:${startTicks}`, command };
}

async function findWithPs(pid: number): Promise<ProcessIdentity | null> {
  try {
    const columns = ["-o", "stat=", "-o", "lstart=", "-o", "command="];
    // The environment is replaced so that the date is written the same way in every locale and time zone.
    const { stdout } = await run("/bin/ps", ["-ww", ...columns, "-p", String(pid)], {
      env: { LC_ALL: "C", TZ: "UTC" },
    });
    const [, state, startMark, command] =
      /^\s*(\S+)\s+(\w+\s+\w+\s+\d+\s+\S+\s+\d{4})\s+(.*)$/s.exec(stdout) ?? [];
    if (state?.startsWith("Z")) return null;
    return { pid, startMark: startMark ?? null, command: command?.trim() ?? null };
  } catch {
    // ps fails both for a pid that has just ended and where it may not be used; the signal tells them apart.
    return isAlive(pid) ? { pid, startMark: null, command: null } : null;
  }
}

async function findOnWindows(pid: number): Promise<ProcessIdentity | null> {
  try {
    const { stdout } = await run("tasklist", ["/FI", `PID eq ${pid}`, "/FO", "CSV", "/NH"]);
    return { pid, startMark: null, command: /^"([^"]+)"/m.exec(stdout)?.[1] ?? null };
  } catch {
    // Without tasklist we know no more than that something has this pid.
    return { pid, startMark: null, command: null };
  }
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch {
    // The process ended in between, or this system hides the processes of others: not known either way.
    return null;
  }
}
