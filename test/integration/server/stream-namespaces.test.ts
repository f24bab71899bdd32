import { expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { type Frame, parseFrames, post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: { mounted: "nested.ts:mounted", deep: "matryoshka.ts:graph", failing: "nested.ts:mounted" },
});

const RUN = { input: {}, stream_mode: ["updates"], stream_subgraphs: true };

/** The namespaces that events come from, each once, without the ids of tasks. */
const namespacesOf = (frames: readonly Frame[]): string[] => [
  ...new Set(
    frames
      .filter(({ event }) => event.startsWith("updates"))
      .map(({ event }) => event.replace(/^updates\|?/, "").replaceAll(/:[^|]+/g, "")),
  ),
];

const query = (namespaces: readonly string[]) =>
  namespaces.map((namespace) => `namespace=${encodeURIComponent(namespace)}`).join("&");

async function read(request: Promise<Response>): Promise<Frame[]> {
  return parseFrames(await (await request).text());
}

/** A finished run with everything that it streamed. */
async function finishedRun(graph: string) {
  const { thread_id } = await server.client.threads.create();
  const path = `${server.url}/threads/${thread_id}/runs`;
  const frames = await read(post(`${path}/stream`, { assistant_id: graph, ...RUN }));
  const [run] = await server.client.runs.list(thread_id);
  return { thread_id, frames, run_id: run?.run_id ?? "", stream: `${path}/${run?.run_id}/stream` };
}

test.each<[string[], string[]]>([
  [[""], [""]],
  [["inside"], ["inside"]],
  [
    ["inside|inside", ""],
    ["", "inside|inside"],
  ],
  [["nothing"], []],
  [["inside|inside|inside"], []],
])(
  "a stream of the namespaces %j has the events of those, without what is below them",
  async (given, seen) => {
    const run = { assistant_id: "deep", ...RUN };
    const { stream } = await finishedRun("deep");
    const { thread_id } = await server.client.threads.create();
    const streams = [
      post(`${server.url}/threads/${thread_id}/runs/stream?${query(given)}`, run),
      post(`${server.url}/runs/stream?${query(given)}`, run),
      fetch(`${stream}?${query(given)}`),
      fetch(`${stream}?namespace=${encodeURIComponent(JSON.stringify(given))}`),
    ];
    for (const frames of await Promise.all(streams.map(read))) {
      expect(namespacesOf(frames)).toEqual(seen);
      expect(frames.at(0)?.event).toBe("metadata");
      expect(frames.at(-1)?.event).toBe("end");
    }
  },
);

test("without namespaces it has the events of all", async () => {
  const { frames } = await finishedRun("deep");
  expect(namespacesOf(frames)).toEqual(["", "inside", "inside|inside"]);
});

test("a namespace with the ids of its tasks is that of those tasks", async () => {
  const { thread_id, run_id, frames } = await finishedRun("deep");
  const namespace =
    frames.find(({ event }) => /^updates\|[^|]+$/.test(event))?.event.slice("updates|".length) ?? "";
  expect(namespace).toMatch(/^inside:.+/);
  const join = (streamNamespaces: string[]) =>
    Array.fromAsync(
      server.client.runs.joinStream(thread_id, run_id, { lastEventId: "-1", streamNamespaces }),
      ({ event }) => String(event),
    );
  const events = await join([namespace]);
  expect(events.filter((event) => event.startsWith("updates"))).not.toEqual([]);
  expect(events.filter((event) => event.startsWith("updates") && event !== `updates|${namespace}`)).toEqual(
    [],
  );
  expect(await join(["inside:of another run"])).toEqual(["metadata", "end"]);
});

test("it goes together with the modes", async () => {
  const { thread_id } = await server.client.threads.create();
  const path = `${server.url}/threads/${thread_id}/runs`;
  const run = { assistant_id: "deep", ...RUN, stream_mode: ["updates", "values"] };
  await read(post(`${path}/stream`, run));
  const [{ run_id } = { run_id: "" }] = await server.client.runs.list(thread_id);
  const frames = await read(fetch(`${path}/${run_id}/stream?namespace=inside&stream_mode=updates`));
  expect(new Set(frames.map(({ event }) => event.split(":")[0]))).toEqual(
    new Set(["metadata", "updates|inside", "end"]),
  );
});

test("an error is told whatever the namespaces", async () => {
  const run = { assistant_id: "failing", ...RUN, input: { order: "fail" } };
  const frames = await read(post(`${server.url}/runs/stream?namespace=nothing`, run));
  expect(frames.map(({ event }) => event)).toEqual(["metadata", "error"]);
});

test.each(["namespace=[1]", `namespace=${"x".repeat(1001)}`, "namespace=[", query(Array(101).fill(""))])(
  "%s is refused",
  async (text) => {
    const { stream } = await finishedRun("mounted");
    expect((await fetch(`${stream}?${text}`)).status).toBe(422);
  },
);
