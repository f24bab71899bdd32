import type { Context } from "hono";
import { isJsonObject } from "../domain/json.ts";
import {
  CANCEL_REASONS,
  type Run,
  type RunConfig,
  type RunEvent,
  type RunResult,
  type StreamMode,
} from "../domain/run.ts";
import type { Services } from "../services/bind.ts";
import type { RunRef } from "../services/runs/join-run.ts";
import type { Env } from "./env.ts";
import { sendEvents } from "./send-events.ts";
import type { EventBatches } from "./sse.ts";
import { respondWithLateJson } from "./wait-response.ts";

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
  readonly namespaces: readonly (readonly string[])[] | null;
}

/** Names a run for the client; the SDK reads the id of a run it made from here. */
export const contentLocation = (isStateless: boolean, { thread_id, run_id }: Run): string =>
  isStateless ? `/runs/${run_id}` : `/threads/${thread_id}/runs/${run_id}`;

/** A request for a run, with what its headers say to the configuration. */
export const withHeaders = <T extends { readonly config: RunConfig }>(c: Context<Env>, request: T): T => {
  const fromHeaders = c.var.readConfigurable();
  if (Object.keys(fromHeaders).length === 0) return request;
  const configurable = { ...fromHeaders, ...request.config.configurable };
  return { ...request, config: { ...request.config, configurable } };
};

type RunServices = Pick<
  Services,
  "cancelRun" | "followCreatedRun" | "joinRun" | "waitForCreatedRun" | "waitForRun"
>;

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
        .cancelRun(c.var.caller, {
          thread_id,
          run_id,
          action: "interrupt",
          reason: CANCEL_REASONS.disconnected,
        })
        .catch((error: unknown) =>
          c.var.log.warn({ err: error, run_id }, "could not cancel the run of a client that left"),
        );
    };
    return { signal: left.signal, leave };
  };

  return {
    async stream(c, run, { cancelOnDisconnect, ...follow }) {
      const { signal, leave } = onLeave(c, run, cancelOnDisconnect);
      const options = { ...follow, signal };
      const batches = run.isNew
        ? services.followCreatedRun(run.run_id, options)
        : await services.joinRun(c.var.caller, run, options);
      return sendEvents(c, numbered(batches), { location: streamPath(run), heartbeatMs, onLeave: leave });
    },

    async wait(c, run, { cancelOnDisconnect }) {
      const { signal, leave } = onLeave(c, run, cancelOnDisconnect);
      // Awaited before the headers go out: an unknown run is a 404, not a body.
      const { ended } = run.isNew
        ? { ended: services.waitForCreatedRun(run.run_id, signal) }
        : await services.waitForRun(c.var.caller, run, signal);
      const text = ended.then((result) => JSON.stringify(toWaitBody(result)));
      return respondWithLateJson(c, text, { heartbeatMs, onLeave: leave });
    },
  };
}

const streamPath = ({ thread_id, run_id }: RunRef): string =>
  thread_id === null ? `/runs/${run_id}/stream` : `/threads/${thread_id}/runs/${run_id}/stream`;

/**
 * Values of the thread; `__interrupt__` says that the graph waits for an answer, `__error__` that it failed,
 * `__feedback__` where to send feedback on the run.
 */
function toWaitBody(result: RunResult | null): unknown {
  if (result === null) return null;
  const { error, interrupts, values, feedback } = result;
  const added = {
    ...(error === null && interrupts.length > 0 && { __interrupt__: interrupts }),
    ...(feedback !== undefined && { __feedback__: feedback }),
  };
  if (error !== null) return { __error__: error, ...added };
  // Values that are no object have no place for more.
  if (Object.keys(added).length === 0 || !(values === null || isJsonObject(values))) return values;
  return { ...values, ...added };
}

/** The id of an event is its number in the run. */
async function* numbered(batches: AsyncGenerator<readonly RunEvent[], void, undefined>): EventBatches {
  for await (const batch of batches) yield batch.map(({ seq, ...event }) => ({ ...event, id: String(seq) }));
}
