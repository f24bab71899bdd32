import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type LogLine, testServer } from "../../support/server.ts";
import { dataOf, namesOf, post, runIdOf, streamFrames } from "../../support/wire.ts";

const KEY = "lsv2_secret";
const GRAPHS = { steps: "steps.ts:graph", failing: "failing.ts:graph", twice: "questions.ts:twice" };

interface TokenRequest {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: Record<string, unknown>;
}

/** An endpoint that answers as LangSmith does, and remembers what it was asked. */
async function langSmith(answer: (response: http.ServerResponse, request: TokenRequest) => void = respond) {
  const requests: TokenRequest[] = [];
  const endpoint = http.createServer(async (incoming, response) => {
    const body = JSON.parse((await incoming.toArray()).join("")) as Record<string, unknown>;
    const key = incoming.headers["x-api-key"];
    const request = { path: `${incoming.method} ${incoming.url}`, key: key?.toString(), body };
    requests.push(request);
    answer(response, request);
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    endpoint.closeAllConnections();
    endpoint.close();
  });
  return { requests, url: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}` };
}

function respond(response: http.ServerResponse, { body }: TokenRequest): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ id: "t", url: urlOf(body["run_id"], body["feedback_key"]), expires_at: "" }));
}

const urlOf = (runId: unknown, key: unknown) => `https://smith.example/tokens/${runId}/${key}`;

const serverWith = (langsmithEndpoint: string, logLines: LogLine[] = []) =>
  testServer({ graphs: GRAPHS, environment: { langsmithApiKey: KEY, langsmithEndpoint }, logLines });

const RUN = { assistant_id: "steps", input: {}, feedback_keys: ["like", "stars", "like"] };

test("a stream gives the links before its end, one for each key", async () => {
  const { url, requests } = await langSmith();
  const server = await serverWith(`${url}/api/`);
  const frames = await streamFrames(`${server.url}/runs/stream`, RUN);
  const runId = runIdOf(frames);
  expect(namesOf(frames).slice(-2)).toEqual(["feedback", "end"]);
  expect(dataOf(frames, "feedback")).toEqual([{ like: urlOf(runId, "like"), stars: urlOf(runId, "stars") }]);
  const asked = (feedback_key: string) => ({
    path: "POST /api/feedback/tokens",
    key: KEY,
    body: { run_id: runId, feedback_key, expires_in: { hours: 3 } },
  });
  expect(requests).toHaveLength(2);
  expect(requests).toEqual(expect.arrayContaining([asked("like"), asked("stars")]));
});

test.each([
  ["succeeds", "steps", { items: ["a", "b", "c"] }],
  ["fails", "failing", { __error__: expect.anything() }],
  ["asks", "twice", { __interrupt__: expect.anything() }],
])("waiting for a run that %s gives the links with its values", async (_, assistant_id, body) => {
  const { url } = await langSmith();
  const server = await serverWith(url);
  const { thread_id } = await server.client.threads.create();
  const path = `${server.url}/threads/${thread_id}/runs`;
  const response = await post(`${path}/wait`, { ...RUN, assistant_id, input: { order: "fail" } });
  const links = expect.objectContaining({ like: expect.stringContaining("https://smith.example/") });
  const answer = await response.json();
  expect(answer).toMatchObject({ ...body, __feedback__: links });
  const [run] = await server.client.runs.list(thread_id);
  expect(await (await fetch(`${path}/${run?.run_id}/join`)).json()).toEqual(answer);
});

test.each<[string, (response: http.ServerResponse) => void]>([
  ["refuses", (response) => void response.writeHead(403).end("{}")],
  ["answers with something else", (response) => void response.end("[]")],
  ["answers with no JSON", (response) => void response.end("<html>")],
  ["breaks off", (response) => void response.destroy()],
  [
    "sends somewhere else",
    (response) => void response.writeHead(307, { location: "http://127.0.0.1:1" }).end(),
  ],
])("a LangSmith that %s costs a run its links and nothing else", async (_, answer) => {
  const { url } = await langSmith(answer);
  const log: LogLine[] = [];
  const server = await serverWith(url, log);
  const frames = await streamFrames(`${server.url}/runs/stream`, RUN);
  expect(namesOf(frames)).not.toContain("feedback");
  expect(frames.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
  expect(log.filter(({ level }) => level >= 40).map(({ msg }) => msg)).toEqual([
    "a run goes without its feedback links",
  ]);
  expect(JSON.stringify(log)).not.toContain(KEY);
});

test("nobody is asked for a run that wants no links", async () => {
  const { url, requests } = await langSmith();
  const server = await serverWith(url);
  const frames = await streamFrames(`${server.url}/runs/stream`, {
    ...RUN,
    feedback_keys: [],
  });
  expect(frames.at(-1)?.event).toBe("end");
  expect(requests).toEqual([]);
});

test("without a key the field is refused, and the answer says what to set", async () => {
  const server = await testServer({ graphs: GRAPHS });
  for (const path of ["/runs", "/runs/wait", "/runs/stream"]) {
    const response = await post(`${server.url}${path}`, RUN);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining("LANGSMITH_API_KEY") });
  }
  expect((await post(`${server.url}/runs/wait`, { ...RUN, feedback_keys: [] })).status).toBe(200);
});
