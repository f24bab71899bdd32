import { events, NO_THREAD, type Operation } from "../operation.ts";

const MODES =
  "`run_modes`, the default: everything that the runs stream, and a `metadata` event with `status: run_done` after each. " +
  "`lifecycle`: only when runs begin and end. `state_update`: the state, whenever a run or a client has changed it.";

/** `/threads/:thread_id/stream`, by method and path. */
export const threadStreamOperations: Readonly<Record<string, Operation>> = {
  "GET /threads/:thread_id/stream": {
    id: "stream_thread",
    tag: "Threads",
    summary: "Stream what happens on a thread",
    notes:
      "Follows one run after the other, whoever makes them, until the client leaves or the thread is deleted. " +
      "A client that needs events which are no longer kept gets an `error` event, whose id leads on to the rest.",
    parameters: { stream_modes: MODES, stream_mode: "The same, in the spelling of the SDK." },
    headers: [
      {
        name: "Last-Event-ID",
        description:
          "Id of the last event that was received; what follows it is sent. `-` means all that is kept; without the header, what comes from now on.",
        schema: { type: "string" },
      },
    ],
    answers: {
      200: events("The events of the thread.", {
        Location: "Path of the stream, to go on from after the connection broke.",
      }),
      404: NO_THREAD,
    },
  },
};
