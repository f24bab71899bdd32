import type { Context } from "hono";
import { isJsonObject } from "../domain/json.ts";
import type { Run, RunEvent, RunResult, StreamMode } from "../domain/run.ts";
import type { Services } from "../services/bind.ts";
import type { RunRef } from "../services/runs/join-run.ts";
import type { Env } from "./env.ts";
import { toEventStream, toKeptAliveStream } from "./sse.ts";

export interface RunResponses {
  /** The events of a run as a stream that can be resumed. */
  stream(c: Context<Env>, run: WatchedRun, options: FollowOptions): Promise<Response>;
  /** What a run has left on its thread, once it has ended. */
  wait(c: Context<Env>, run: WatchedRun, options: DisconnectOption): Promise<Response>;
}

export interface WatchedRun extends RunRef {
  /** Whether this very request has created it; such a run is known to exist, even if it is over already. */
  readonly isNew: boolean;
}

interface DisconnectOption {
  readonly cancelOnDisconnect: boolean;
}

export interface FollowOptions extends DisconnectOption {
  readonly after: number;
  readonly modes: readonly StreamMode[] | null;
}

/** Names a run for the client; the SDK reads the id of a run it made from here. */
export const contentLocation = (isStateless: boolean, { thread_id, run_id }: Run): string =>
  isStateless ? `/runs/${run_id}` : `/threads/${thread_id}/runs/${run_id}`;

type RunServices = Pick<Services, "cancelRun" | "followRun" | "joinRun" | "waitForCreatedRun" | "waitForRun">;

export function createRunResponses(
  services: RunServices,
  { heartbeatMs }: { readonly heartbeatMs: number },
): RunResponses {
  /** Fires when the client goes away; the run goes with it if that was asked for. */
  const onLeave = (c: Context<Env>, { thread_id, run_id }: RunRef, cancel: boolean) => {
    const left = new AbortController();
    const leave = () => {
      left.abort();
      if (!cancel) return;
      services
        .cancelRun(c.var.caller, { thread_id, run_id, action: "interrupt" })
        .catch((error: unknown) =>
          c.var.log.warn({ err: error, run_id }, "could not cancel the run of a client that left"),
        );
    };
    return { signal: left.signal, leave };
  };

  return {
    async stream(c, run, { after, modes, cancelOnDisconnect }) {
      const { signal, leave } = onLeave(c, run, cancelOnDisconnect);
      const options = { after, modes, signal };
      const batches = run.isNew
        ? services.followRun(run.run_id, options)
        : await services.joinRun(c.var.caller, run, options);
      c.header("Content-Type", "text/event-stream");
      c.header("Cache-Control", "no-cache");
      c.header("X-Accel-Buffering", "no");
      c.header("Location", streamPath(run));
      return c.body(toEventStream(guard(c, batches), { heartbeatMs, onLeave: leave }));
    },

    async wait(c, run, { cancelOnDisconnect }) {
      const { signal, leave } = onLeave(c, run, cancelOnDisconnect);
      // Awaited before the headers go out: an unknown run is a 404, not a body.
      const { ended } = run.isNew
        ? { ended: services.waitForCreatedRun(run.run_id, signal) }
        : await services.waitForRun(c.var.caller, run, signal);
      c.header("Content-Type", "application/json");
      // JSON may begin with white space, so a line break keeps the connection without changing the answer.
      return c.body(toKeptAliveStream(bodyOf(ended), "\n", { heartbeatMs, onLeave: leave }));
    },
  };
}

const streamPath = ({ thread_id, run_id }: RunRef): string =>
  thread_id === null ? `/runs/${run_id}/stream` : `/threads/${thread_id}/runs/${run_id}/stream`;

async function* bodyOf(ended: Promise<RunResult | null>) {
  yield JSON.stringify(toWaitBody(await ended));
}

/** Values of the thread; `__interrupt__` says that the graph waits for an answer, `__error__` that it failed. */
function toWaitBody(result: RunResult | null): unknown {
  if (result === null) return null;
  const { error, interrupts, values } = result;
  if (error !== null) return { __error__: error };
  return interrupts.length > 0 && (values === null || isJsonObject(values))
    ? { ...values, __interrupt__: interrupts }
    : values;
}

/** After the headers an error can only become an event. */
async function* guard(
  c: Context<Env>,
  batches: AsyncGenerator<readonly RunEvent[], void, undefined>,
): AsyncGenerator<readonly RunEvent[], void, undefined> {
  try {
    yield* batches;
  } catch (error) {
    c.var.log.error({ err: error }, "stream failed");
    const data = JSON.stringify({ error: "internal_error", message: "An unexpected error occurred" });
    yield [{ seq: 0, event: "error", data }];
  }
}
