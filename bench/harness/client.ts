import { type Dispatcher, Pool } from "undici";
import { countEvents, type EventCount } from "./event-count.ts";

export interface StreamResult extends EventCount {
  /** From the request to the first event, and to the first token; null when there was none. */
  readonly firstEventMs: number | null;
  readonly firstTokenMs: number | null;
}

/** Speaks to one server, over as many connections as there are requests at once, each kept open. */
export interface BenchClient extends AsyncDisposable {
  get(path: string): Promise<unknown>;
  /** @typeParam T what the caller knows the answer to be */
  post<T>(path: string, body: object): Promise<T>;
  /** Reads a stream to its end. */
  stream(path: string, body: object): Promise<StreamResult>;
}

const MAX_CONNECTIONS = 600;

/** Every answer but 2xx is thrown: what failed fast must not count as done. */
export function openClient(url: string): BenchClient {
  const pool = new Pool(url, { connections: MAX_CONNECTIONS, headersTimeout: 0, bodyTimeout: 0 });

  const request = async (method: Dispatcher.HttpMethod, path: string, body?: object) => {
    const json = body === undefined ? null : JSON.stringify(body);
    const headers = json === null ? {} : { "content-type": "application/json" };
    const response = await pool.request({ method, path, headers, body: json });
    if (response.statusCode >= 200 && response.statusCode < 300) return response.body;
    const text = (await response.body.text()).slice(0, 500);
    throw new Error(`${method} ${url}${path} was answered with ${response.statusCode}: ${text}`);
  };

  return {
    get: async (path) => (await request("GET", path)).json(),
    post: async <T>(path: string, body: object) => (await (await request("POST", path, body)).json()) as T,
    async stream(path, body) {
      const sentMs = performance.now();
      const counter = countEvents();
      let firstEventMs: number | null = null;
      let firstTokenMs: number | null = null;
      for await (const chunk of await request("POST", path, body)) {
        const { events, tokens } = counter.read(chunk as Buffer);
        if (firstEventMs === null && events > 0) firstEventMs = performance.now() - sentMs;
        if (firstTokenMs === null && tokens > 0) firstTokenMs = performance.now() - sentMs;
      }
      return { ...counter.count(), firstEventMs, firstTokenMs };
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}
