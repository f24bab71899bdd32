import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "./fleet.ts";
import { type Frame, parseFrames } from "./wire.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A stream as its client saw it, over all connections. */
export interface StreamSeen {
  readonly frames: readonly Frame[];
  /** How often the client had to connect. */
  readonly connections: number;
}

/** What a client behind a balancer does: tries again, wherever somebody answers. */
export interface FleetClient {
  /** @returns the first answer that is no failure of the server. @throws when there is none in time */
  request(method: string, path: string, body?: object): Promise<Answer>;
  /** Follows a run to its end, going on after the last event that it got. @throws when there is no end in time */
  follow(threadId: string, runId: string): Promise<StreamSeen>;
}

export interface FleetClientOptions {
  /** Picks one of `count`. */
  readonly pick: (count: number) => number;
  /** Silence after which another server is tried; longer than the heartbeat of streams. */
  readonly silenceMs: number;
  /** When to give up, as a time of `performance.now()`. */
  readonly deadlineMs: number;
}

const PAUSE_MS = 100;

export function createFleetClient(fleet: Pick<Fleet, "urls">, options: FleetClientOptions): FleetClient {
  const { pick, silenceMs, deadlineMs } = options;

  const anyUrl = () => {
    const urls = fleet.urls();
    return urls[pick(urls.length)] as string;
  };

  /** @param attempt returns null to be called again */
  const untilDone = async <T>(what: string, attempt: () => Promise<T | null>): Promise<T> => {
    let last: unknown = null;
    while (performance.now() < deadlineMs) {
      try {
        const done = await attempt();
        if (done !== null) return done;
      } catch (error) {
        // The server was killed, stopped, or is not there (yet).
        last = error;
      }
      await sleep(PAUSE_MS);
    }
    throw new Error(`no answer in time to ${what}`, { cause: last });
  };

  return {
    request: (method, path, body) =>
      untilDone(`${method} ${path}`, async () => {
        const response = await fetch(`${anyUrl()}${path}`, {
          method,
          ...(body !== undefined && {
            body: JSON.stringify(body),
            headers: { "content-type": "application/json" },
          }),
          signal: AbortSignal.timeout(silenceMs),
        });
        if (response.status >= 500) {
          // The body says why, should this be the last try.
          throw new Error(`${response.status} ${await response.text()}`);
        }
        return { status: response.status, body: await response.json() };
      }),

    async follow(threadId, runId) {
      const frames: Frame[] = [];
      let connections = 0;
      const path = `/threads/${threadId}/runs/${runId}/stream`;
      return untilDone(`GET ${path}`, async () => {
        connections++;
        const lastId = frames.findLast(({ id }) => id !== null)?.id ?? "-1";
        for await (const frame of readFrames(`${anyUrl()}${path}`, lastId, silenceMs)) {
          frames.push(frame);
          if (frame.event === "end") return { frames, connections };
        }
        return null;
      });
    },
  };
}

/** Reads one connection. @throws when it breaks, or is silent for too long */
async function* readFrames(url: string, lastEventId: string, silenceMs: number): AsyncGenerator<Frame> {
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(new Error("silent")), silenceMs);
  try {
    const response = await fetch(url, { headers: { "last-event-id": lastEventId }, signal: silent.signal });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    let text = "";
    for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(
      new TextDecoderStream(),
    )) {
      timer.refresh();
      text += chunk;
      const end = text.lastIndexOf("\n\n");
      if (end === -1) continue;
      yield* parseFrames(text.slice(0, end + 2));
      text = text.slice(end + 2);
    }
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}
