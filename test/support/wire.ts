import http from "node:http";

/** One server-sent event as it was on the wire. */
export interface Frame {
  readonly event: string;
  readonly data: unknown;
  readonly id: string | null;
}

/** Splits a stream into its events; comments are left out. */
export function parseFrames(text: string): Frame[] {
  return text
    .split("\n\n")
    .filter((block) => block !== "" && !block.startsWith(":"))
    .map((block) => {
      const fields = new Map(
        block.split("\n").map((line) => {
          const [name = "", ...value] = line.split(": ");
          return [name, value.join(": ")];
        }),
      );
      return {
        event: fields.get("event") ?? "",
        data: JSON.parse(fields.get("data") ?? "null") as unknown,
        id: fields.get("id") ?? null,
      };
    });
}

export const post = (url: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

/** Posts a run and reads its whole stream. */
export async function streamFrames(url: string, body: object): Promise<Frame[]> {
  return parseFrames(await (await post(url, body)).text());
}

export const namesOf = (frames: readonly Frame[]): string[] => frames.map(({ event }) => event);

export const dataOf = (frames: readonly Frame[], event: string): unknown[] =>
  frames.filter((frame) => frame.event === event).map(({ data }) => data);

/** A request whose connection the test can cut; its answer comes in the pieces that the socket delivers. */
export interface RawRequest {
  readonly status: Promise<number>;
  readonly chunks: AsyncIterator<string>;
  /** Drops the connection like a client that goes away. */
  drop(): void;
}

export function rawRequest(
  url: string,
  { method = "GET", body }: { method?: string; body?: object } = {},
): RawRequest {
  const request = http.request(url, {
    method,
    headers: { "content-type": "application/json" },
    agent: false,
  });
  // A dropped connection is what the test wants, not a failure.
  request.on("error", () => undefined);
  const response = new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
  request.end(body === undefined ? undefined : JSON.stringify(body));

  async function* read() {
    const incoming = await response;
    incoming.setEncoding("utf8");
    try {
      for await (const chunk of incoming) yield chunk as string;
    } catch {
      // The connection was dropped: there is nothing more to come.
    }
  }
  return {
    status: response.then(({ statusCode }) => statusCode ?? 0),
    chunks: read(),
    drop: () => void request.destroy(),
  };
}

/** The run that a stream is about. */
export function runIdOf(frames: readonly Frame[]): string {
  const metadata = frames.find(({ event }) => event === "metadata")?.data as { run_id: string } | undefined;
  if (metadata === undefined) throw new Error("the stream does not begin with its metadata");
  return metadata.run_id;
}
