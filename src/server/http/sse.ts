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

/** Writes server-sent events. A batch is one write. A client that reads slowly is waited for. */
export const toEventStream = (batches: EventBatches, options: StreamOptions): ReadableStream<Uint8Array> =>
  toKeptAliveStream(mapBatches(batches), HEARTBEAT, options);

async function* mapBatches(batches: EventBatches) {
  for await (const batch of batches) yield batch.map(toFrame).join("");
}

/** Event names and JSON text contain no line breaks, so nothing in them can begin a field. */
const toFrame = ({ event, data, id }: ServerSentEvent): string =>
  `event: ${event}\ndata: ${data}\n${id === null ? "" : `id: ${id}\n`}\n`;

/** Streams text chunks, and `filler` whenever the next one takes longer than a heartbeat. */
export function toKeptAliveStream(
  chunks: AsyncGenerator<string, void, undefined>,
  filler: string,
  { heartbeatMs, onLeave }: StreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<string, void>> | null = null;

  return new ReadableStream(
    {
      async pull(controller) {
        next ??= chunks.next();
        const result = await withinTime(next, heartbeatMs);
        if (result === null) {
          controller.enqueue(encoder.encode(filler));
          return;
        }
        next = null;
        if (result.done) controller.close();
        else controller.enqueue(encoder.encode(result.value));
      },
      async cancel() {
        onLeave();
        await chunks.return();
      },
    },
    // Nothing is read ahead of what the client has taken.
    { highWaterMark: 0 },
  );
}

/** @returns null when the time is over first; the promise goes on */
async function withinTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, null);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
