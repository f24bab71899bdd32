import { once } from "node:events";
import path from "node:path";
import { startChild } from "./child.ts";
import type { FloorAnswer, FloorTask } from "./floor-process.ts";
import type { LoadResult } from "./rounds.ts";

/** LangGraph in a process of its own, with its stock saver and without a server. */
export interface Floor extends AsyncDisposable {
  readonly pid: number;
  measure(task: FloorTask): Promise<LoadResult>;
}

const FLOOR_PROCESS = path.join(import.meta.dirname, "floor-process.ts");

/** @param databaseUrl an empty database, which gets the tables of the saver */
export async function startFloor(databaseUrl: string): Promise<Floor> {
  const child = startChild([FLOOR_PROCESS], {
    cwd: import.meta.dirname,
    variables: { DATABASE_URL: databaseUrl },
    ipc: true,
  });
  return {
    pid: child.pid,
    async measure(task) {
      child.process.send(task);
      const ended = new AbortController();
      const answered = once(child.process, "message", { signal: ended.signal }) as Promise<[FloorAnswer]>;
      const lost = once(child.process, "close", { signal: ended.signal }).then(() => {
        throw new Error(`the process without a server ended:\n${child.lastOutput()}`);
      });
      try {
        const [answer] = await Promise.race([answered, lost]);
        if ("error" in answer) throw new Error(`without a server: ${answer.error}`);
        return answer;
      } finally {
        ended.abort();
        // Whichever of the two lost the race rejects with the abort.
        await Promise.allSettled([answered, lost]);
      }
    },
    [Symbol.asyncDispose]: child[Symbol.asyncDispose],
  };
}
