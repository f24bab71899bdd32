import type { Logger } from "pino";
import type { Caller } from "../domain/caller.ts";

/** What middleware leaves on the Hono context. */
export interface Env {
  Variables: {
    caller: Caller;
    log: Logger;
    requestId: string;
    /** Reads headers of the request that its runs find in their configuration; what the body says wins over them. */
    readConfigurable: () => Readonly<Record<string, string>>;
  };
}
