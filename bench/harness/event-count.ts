export interface EventCount {
  /** All events, those of the protocol itself included. */
  readonly events: number;
  /** Those of `updates` and `values`, which LangGraph emits without a server too. */
  readonly states: number;
  /** Those of `messages-tuple`. */
  readonly tokens: number;
  /** What the run told as an error, shortened; null when all went well. */
  readonly error: string | null;
}

interface EventCounter {
  /** @returns the count so far */
  read(chunk: Buffer): EventCount;
  count(): EventCount;
}

const SHOWN_ERROR_CHARS = 300;
const EVENT = /^event: ?(\w+)/gm;

/** Counts events of a stream by their names, without reading their data: the client must cost little. */
export function countEvents(): EventCounter {
  const counted = { events: 0, states: 0, tokens: 0, error: null as string | null };
  let unfinishedLine = "";
  return {
    read(chunk) {
      const text = unfinishedLine + chunk.toString("latin1");
      const end = text.lastIndexOf("\n") + 1;
      unfinishedLine = text.slice(end);
      for (const { 1: name, index } of text.slice(0, end).matchAll(EVENT)) {
        counted.events += 1;
        if (name === "messages") counted.tokens += 1;
        else if (name === "values" || name === "updates") counted.states += 1;
        else if (name === "error") counted.error = text.slice(index, index + SHOWN_ERROR_CHARS);
      }
      return counted;
    },
    count: () => ({ ...counted }),
  };
}
