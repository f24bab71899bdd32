import { onTestFinished } from "vitest";
import { type Frame, parseFrames } from "./wire.ts";

/** A stream of server-sent events that the test reads while it goes on. */
export interface OpenStream {
  readonly response: Response;
  /** What has come so far. */
  readonly frames: readonly Frame[];
  /** Waits for what has come to be enough. */
  until(isEnough: (frames: readonly Frame[]) => boolean): Promise<readonly Frame[]>;
  /** Waits for the end of the stream, be it in order or not. */
  ended(): Promise<readonly Frame[]>;
  /** Leaves like a client that goes away. */
  close(): void;
}

/** Resolves when the answer has begun. The stream is closed with the test. */
export async function openStream(url: string, headers: Record<string, string> = {}): Promise<OpenStream> {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const response = await fetch(url, { headers, signal: leaving.signal });
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const one of [...waiting]) one();
  };

  const read = async () => {
    let text = "";
    for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const end = text.lastIndexOf("\n\n") + 2;
      if (end < 2) continue;
      frames.push(...parseFrames(text.slice(0, end)));
      text = text.slice(end);
      wake();
    }
  };
  // A connection that breaks ends the stream, too.
  const ended = read().catch(() => undefined);

  return {
    response,
    frames,
    until: (isEnough) =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (!isEnough(frames)) return;
          waiting.delete(check);
          resolve([...frames]);
        };
        waiting.add(check);
        check();
        void ended.then(() => {
          if (waiting.has(check)) reject(new Error(`the stream ended with ${JSON.stringify(frames.at(-1))}`));
        });
      }),
    ended: async () => {
      await ended;
      return frames;
    },
    close: () => leaving.abort(),
  };
}
