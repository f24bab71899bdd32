import { z } from "zod";
import { parsePlace, THREAD_STREAM_MODES } from "../../domain/thread-stream.ts";
import { queryList } from "./common.ts";

const Modes = queryList(z.enum(THREAD_STREAM_MODES));

/** The hosted server's document and the SDK spell the parameter differently; who sends both means both. */
export const ThreadStreamQuery = z
  .strictObject({ stream_modes: Modes.optional(), stream_mode: Modes.optional() })
  .transform(({ stream_modes = [], stream_mode = [] }) => {
    const modes = [...new Set([...stream_modes, ...stream_mode])];
    return { modes: modes.length === 0 ? (["run_modes"] as const) : modes };
  });

/** The place after which a client wants to go on, or the start of what is kept. */
export const LastThreadEventId = z.string().transform((text, context) => {
  if (text === "-" || text === "-1") return "start" as const;
  const place = parsePlace(text);
  if (place !== null) return place;
  context.addIssue({ code: "custom", message: "is not one of the event ids of a thread of this server" });
  return z.NEVER;
});
