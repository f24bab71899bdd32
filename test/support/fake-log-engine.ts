import type { IncomingMessage, ServerResponse } from "node:http";
import type { StreamName } from "../../src/docker/logs/read-frames.ts";
import { VERSIONS } from "./fake-daemon.ts";

/** What a container without a terminal sends. */
export function toFrame(stream: StreamName, data: string | Buffer): Buffer {
  const content = Buffer.from(data);
  const header = Buffer.alloc(8);
  header[0] = stream === "stderr" ? 2 : 1;
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}

interface FakeContainer {
  readonly id: string;
  readonly service: string;
  running: boolean;
  startedAt: string;
  exitCode: number;
  readonly log: { readonly at: string; readonly frame: Buffer }[];
  /** Set: the log cannot be read, with this answer. */
  unreadable: string | null;
  readonly readers: Set<ServerResponse>;
}

const PROJECT = "fake";

/**
 * An engine that keeps logs, starts and stops what the test says, and can lose its connections.
 *
 * @param onWatched called when somebody asks for events, who gets all from then on
 */
export function fakeLogEngine(onWatched: () => void = () => undefined) {
  const containers = new Map<string, FakeContainer>();
  const listeners = new Set<ServerResponse>();
  let nowMs = Date.parse("2026-11-22T10:00:00Z");
  const now = () => {
    nowMs += 10;
    return new Date(nowMs);
  };
  const tell = (id: string, action: string, attributes: object = {}) => {
    const event = { id, Action: action, Actor: { ID: id, Attributes: attributes }, timeNano: nowMs * 1e6 };
    for (const listener of listeners) listener.write(`${JSON.stringify(event)}\n`);
  };
  const find = (service: string): FakeContainer => {
    const container = [...containers.values()].find((one) => one.service === service);
    if (container === undefined) throw new Error(`no container of ${service}`);
    return container;
  };

  return {
    project: PROJECT,
    answer(request: IncomingMessage, response: ServerResponse) {
      answer(request, response, containers, listeners);
      if (request.url?.startsWith("/events")) onWatched();
    },
    create(service: string, options: { readonly unreadable?: string } = {}) {
      const id = `${service}-id`;
      containers.set(id, {
        ...{ id, service, running: false, startedAt: "", exitCode: 0, log: [], readers: new Set() },
        unreadable: options.unreadable ?? null,
      });
    },
    start(service: string) {
      const container = find(service);
      container.running = true;
      container.startedAt = now().toISOString();
      tell(container.id, "start");
    },
    stop(service: string, exitCode: number) {
      const container = find(service);
      container.running = false;
      container.exitCode = exitCode;
      now();
      for (const reader of container.readers) reader.end();
      container.readers.clear();
      tell(container.id, "die", { exitCode: String(exitCode) });
    },
    write(service: string, text: string, stream: StreamName = "stdout") {
      const container = find(service);
      const at = now();
      const frame = toFrame(stream, `${at.toISOString().replace("Z", "000000Z")} ${text}\n`);
      container.log.push({ at: (at.getTime() / 1000).toFixed(9), frame });
      for (const reader of container.readers) reader.write(frame);
    },
    /** Breaks the connection of those who read, in the middle of a frame. */
    breakReading(service: string) {
      for (const reader of find(service).readers) {
        reader.write(toFrame("stdout", "half").subarray(0, 10), () => reader.destroy());
      }
    },
    isRead: (service: string) => find(service).readers.size > 0,
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  containers: ReadonlyMap<string, FakeContainer>,
  listeners: Set<ServerResponse>,
): void {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://engine");
  const [, , id = "", what] = pathname.split("/");
  const container = containers.get(id);
  if (pathname === "/version") send(response, VERSIONS.docker);
  else if (pathname === "/info") send(response, { SystemTime: "2026-11-22T10:00:01Z" });
  else if (pathname === "/events") follow(response, listeners);
  else if (pathname === "/containers/json") {
    const { id: ids } = JSON.parse(searchParams.get("filters") ?? "{}") as { id?: string[] };
    const listed = [...containers.values()].filter((one) => ids?.includes(one.id) ?? true);
    send(response, listed.map(toListed));
  } else if (container === undefined) send(response, { message: "No such container" }, 404);
  else if (what === "json") send(response, toInspected(container));
  else if (container.unreadable !== null) send(response, { message: container.unreadable }, 501);
  else sendLog(response, container, searchParams);
}

function sendLog(response: ServerResponse, container: FakeContainer, query: URLSearchParams): void {
  const lines = container.log.filter(({ at }) => at >= (query.get("since") ?? ""));
  const tail = query.get("tail") ?? "all";
  response.writeHead(200);
  response.flushHeaders();
  for (const { frame } of tail === "all" ? lines : lines.slice(-Number(tail))) response.write(frame);
  if (query.get("follow") === "true" && container.running) follow(response, container.readers);
  else response.end();
}

function follow(response: ServerResponse, readers: Set<ServerResponse>): void {
  if (!response.headersSent) response.writeHead(200);
  response.flushHeaders();
  readers.add(response);
  response.on("close", () => readers.delete(response));
}

function send(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const toListed = ({ id, service, running }: FakeContainer) => ({
  Id: id,
  Names: [`/fake-${service}-1`],
  State: running ? "running" : "exited",
  Labels: {
    "com.docker.compose.project": PROJECT,
    "com.docker.compose.service": service,
    "com.docker.compose.container-number": "1",
  },
});

const toInspected = ({ id, running, startedAt, exitCode }: FakeContainer) => ({
  Id: id,
  Config: { Tty: false },
  State: {
    ...{ Running: running, Restarting: false, StartedAt: startedAt, ExitCode: exitCode },
    FinishedAt: "2026-11-22T11:00:00Z",
  },
});
