/** One event as a client gets it. */
export interface ServerSentEvent {
  readonly event: string;
  /** JSON text. */
  readonly data: string;
  /** What to send as `Last-Event-ID` to go on after it; null leaves the client at the one before. */
  readonly id: string | null;
}

export type EventBatches = AsyncGenerator<readonly ServerSentEvent[], void, undefined>;

export interface StreamOptions {
  /** How often to send a comment while nothing happens, so that proxies and clients keep the connection. */
  readonly heartbeatMs: number;
  /** Called once when the client goes away before the end. */
  readonly onLeave: () => void;
}

const HEARTBEAT = ": heartbeat\n\n";

/** What a stream is made of: only what it needs of an async generator. */
interface Chunks<T> {
  next(): Promise<IteratorResult<T, void>>;
  return(): Promise<unknown>;
}

/** Writes server-sent events. A batch is one write. A client that reads slowly is waited for. */
export const toEventStream = (batches: EventBatches, options: StreamOptions): ReadableStream<Uint8Array> =>
  toKeptAliveStream(toFrames(batches), HEARTBEAT, options);

/** Not a generator: each around another one costs an event some turns of the queue of promises. */
const toFrames = (batches: EventBatches): Chunks<string> => ({
  async next() {
    const batch = await batches.next();
    return batch.done ? batch : { done: false, value: batch.value.map(toFrame).join("") };
  },
  return: () => batches.return(),
});

/** Event names and JSON text contain no line breaks, so nothing in them can begin a field. */
const toFrame = ({ event, data, id }: ServerSentEvent): string =>
  `event: ${event}\ndata: ${data}\n${id === null ? "" : `id: ${id}\n`}\n`;

/** Streams text chunks, and `filler` whenever the next one takes longer than a heartbeat. */
export function toKeptAliveStream(
  chunks: Chunks<string>,
  filler: string,
  { heartbeatMs, onLeave }: StreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let isAsked = false;
  let arrived: Promise<IteratorResult<string, void>> | null = null;
  let wake = () => {};
  // One timer for the whole stream, begun anew with each wait: one a chunk costs more than most chunks.
  const heartbeat = setTimeout(() => wake(), heartbeatMs);

  const ask = () => {
    isAsked = true;
    const chunk = chunks.next();
    const arrive = () => {
      arrived = chunk;
      wake();
    };
    chunk.then(arrive, arrive);
  };

  /** @returns the next chunk; null when a heartbeat has passed without one */
  const waitForChunk = async () => {
    heartbeat.refresh();
    if (!isAsked) ask();
    if (arrived === null) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const chunk = arrived;
    if (chunk === null) return null;
    isAsked = false;
    arrived = null;
    return chunk;
  };

  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const chunk = await waitForChunk();
          if (chunk === null) controller.enqueue(encoder.encode(filler));
          else if (!chunk.done) controller.enqueue(encoder.encode(chunk.value));
          else {
            clearTimeout(heartbeat);
            controller.close();
          }
        } catch (error) {
          clearTimeout(heartbeat);
          throw error;
        }
      },
      async cancel() {
        clearTimeout(heartbeat);
        onLeave();
        await chunks.return();
      },
    },
    // Nothing is read ahead of what the client has taken.
    { highWaterMark: 0 },
  );
}
