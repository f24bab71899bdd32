/** Who is asking. Built once per request and passed down; nothing below HTTP reads headers. */
export interface Caller {
  readonly identity: string;
}

/** Owner of the rows that belong to everyone: the assistants that the server makes for its graphs. */
export const SYSTEM_OWNER = "system";

/** The one caller of a server without authentication. */
export const ANONYMOUS: Caller = { identity: "anonymous" };
