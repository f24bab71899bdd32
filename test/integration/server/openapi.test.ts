import { beforeAll, describe, expect, test } from "vitest";
import type { OpenApiDocument } from "../../../src/server/http/openapi/document.ts";
import { checkerOf } from "../../support/openapi-document.ts";
import { sharedServer } from "../../support/shared-server.ts";

const server = sharedServer({ graphs: { agent: "chat.ts:graph" } });

let document: OpenApiDocument;
beforeAll(async () => {
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as OpenApiDocument;
});

/** Sends a request, and expects an answer that fits the description of the operation. */
async function ask(operation: string, { ids = {}, query = "", body, headers = {} }: Asked = {}) {
  const [method = "", template = ""] = operation.split(" ");
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? "");
  const response = await fetch(`${server.url}${path}${query}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  const described = document.paths[template]?.[method.toLowerCase()]?.responses[response.status];
  expect(described, `${operation} ${response.status}: ${text}`).toBeDefined();
  const schema = described?.content?.["application/json"]?.schema;
  const answer = text.trim() === "" ? undefined : JSON.parse(text);
  if (schema === undefined) expect(answer).toBeUndefined();
  else
    expect(checkerOf(document, schema).safeParse(answer).error?.issues ?? [], `${operation} ${text}`).toEqual(
      [],
    );
  return { status: response.status, answer };
}

interface Asked {
  readonly ids?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

describe("answers are as they are described:", () => {
  test("assistants", async () => {
    const { answer } = await ask("POST /assistants", { body: { graph_id: "agent" } });
    const ids = { assistant_id: answer.assistant_id };

    await ask("POST /assistants/search", { body: {} });
    await ask("POST /assistants/count", { body: {} });
    await ask("GET /assistants/{assistant_id}", { ids });
    await ask("PATCH /assistants/{assistant_id}", { ids, body: { name: "Second" } });
    await ask("GET /assistants/{assistant_id}/graph", { ids });
    await ask("GET /assistants/{assistant_id}/schemas", { ids });
    await ask("GET /assistants/{assistant_id}/subgraphs", { ids });
    await ask("POST /assistants/{assistant_id}/versions", { ids, body: {} });
    await ask("DELETE /assistants/{assistant_id}", { ids });
    expect(await ask("GET /assistants/{assistant_id}", { ids })).toMatchObject({ status: 404 });
    expect(await ask("POST /assistants", { body: {} })).toMatchObject({ status: 422 });
  });

  test("threads", async () => {
    const { answer } = await ask("POST /threads", { body: { metadata: { graph_id: "agent" }, ttl: 60 } });
    const ids = { thread_id: answer.thread_id };
    const values = { messages: [{ role: "user", content: "hello" }] };

    await ask("POST /threads/{thread_id}/runs/wait", { ids, body: { assistant_id: "agent", input: values } });
    const { answer: state } = await ask("GET /threads/{thread_id}/state", { ids, query: "?subgraphs=true" });
    const { checkpoint } = state;
    await ask("GET /threads/{thread_id}/state/{checkpoint_id}", { ids: { ...ids, ...checkpoint } });
    await ask("POST /threads/{thread_id}/state/checkpoint", { ids, body: { checkpoint } });
    await ask("POST /threads/{thread_id}/state", { ids, body: { values } });
    await ask("PATCH /threads/{thread_id}/state", { ids, body: { metadata: { seen: true } } });
    await ask("GET /threads/{thread_id}/history", { ids });
    await ask("POST /threads/{thread_id}/history", { ids, body: {} });
    expect((await ask("GET /threads/{thread_id}", { ids, query: "?include=ttl" })).answer).toHaveProperty(
      "ttl",
    );
    await ask("PATCH /threads/{thread_id}", { ids, body: {} });
    await ask("PATCH /threads/{thread_id}", { ids, body: {}, headers: { prefer: "return=minimal" } });
    await ask("POST /threads/{thread_id}/copy", { ids });
    await ask("POST /threads/search", { body: { extract: { last: "values.messages[-1]" } } });
    await ask("POST /threads/count", { body: {} });
    await ask("POST /threads/prune", { body: { thread_ids: [ids.thread_id], strategy: "keep_latest" } });
    await ask("DELETE /threads/{thread_id}", { ids });
    expect(await ask("GET /threads/{thread_id}", { ids })).toMatchObject({ status: 404 });
  });

  test("runs", async () => {
    const { thread_id } = await server.client.threads.create();
    const body = { assistant_id: "agent", input: { messages: [] } };
    const { answer } = await ask("POST /threads/{thread_id}/runs", { ids: { thread_id }, body });
    const ids = { thread_id, run_id: answer.run_id };

    await ask("GET /threads/{thread_id}/runs/{run_id}/join", { ids });
    await ask("GET /threads/{thread_id}/runs", { ids });
    await ask("GET /threads/{thread_id}/runs/{run_id}", { ids });
    await ask("POST /threads/{thread_id}/runs/{run_id}/cancel", { ids, query: "?wait=1" });
    await ask("DELETE /threads/{thread_id}/runs/{run_id}", { ids });
    await ask("POST /runs", { body });
    await ask("POST /runs/wait", { body });
    await ask("POST /runs/batch", { body: [body, body] });
    await ask("POST /runs/cancel", { body: { status: "all" } });
  });

  test("the store", async () => {
    const item = { namespace: ["notes"], key: "one" };

    await ask("PUT /store/items", { body: { ...item, value: { text: "hello" } } });
    expect((await ask("GET /store/items", { query: "?namespace=notes&key=one" })).answer).not.toBeNull();
    expect((await ask("GET /store/items", { query: "?namespace=notes&key=two" })).answer).toBeNull();
    expect((await ask("POST /store/items/search", { body: {} })).answer.items).toHaveLength(1);
    await ask("POST /store/namespaces", { body: {} });
    await ask("DELETE /store/items", { body: item });
  });

  test.each(["/", "/ok", "/live", "/ready", "/health", "/info"])("GET %s", async (path) => {
    expect(await ask(`GET ${path}`)).toMatchObject({ status: 200 });
  });
});

test.each(["1", "true"])("GET /ok?check_db=%s asks the database", async (flag) => {
  expect(await ask("GET /ok", { query: `?check_db=${flag}` })).toEqual({ status: 200, answer: { ok: true } });
});

test("GET /ok leaves alone what a proxy adds to the query, and refuses a flag that is none", async () => {
  expect(await ask("GET /ok", { query: "?from=proxy" })).toMatchObject({ status: 200 });
  expect(await ask("GET /ok", { query: "?check_db=perhaps" })).toMatchObject({ status: 422 });
});

test("GET /info tells Studio and Agent Inbox what they look for, and nothing that is not so", async () => {
  const { answer } = await ask("GET /info");

  expect(answer.version).toMatch(/^\d+\.(1[1-9]|[2-9]\d|\d{3,})\.\d+$/);
  expect(answer).toMatchObject({
    context: "js",
    flags: { assistants: true, crons: false },
    host: { kind: "self-hosted", project_id: null, revision_id: null, tenant_id: null },
  });
});

describe("the latest version of an assistant is set", () => {
  const twoVersions = async () => {
    const { assistant_id } = await server.client.assistants.create({ graphId: "agent" });
    await server.client.assistants.update(assistant_id, { name: "Second" });
    return { assistant_id };
  };
  const latest = "POST /assistants/{assistant_id}/latest";

  test.each([
    ["the body, as the SDK does", { body: { version: 1 } }],
    ["the query, as the hosted server has it", { query: "?version=1" }],
    ["both", { body: { version: 1 }, query: "?version=1" }],
  ])("by %s", async (_, request) => {
    const ids = await twoVersions();
    expect(await ask(latest, { ids, ...request })).toMatchObject({ status: 200, answer: { version: 1 } });
    expect((await ask("GET /assistants/{assistant_id}", { ids })).answer.version).toBe(1);
  });

  test.each([
    ["none", {}],
    ["two different ones", { body: { version: 1 }, query: "?version=2" }],
  ])("but not with %s", async (_, request) => {
    const ids = await twoVersions();
    expect(await ask(latest, { ids, ...request })).toMatchObject({ status: 422 });
    expect((await ask("GET /assistants/{assistant_id}", { ids })).answer.version).toBe(2);
  });
});

describe("GET /docs", () => {
  test("is a page whose files are all there, on this server", async () => {
    const response = await fetch(`${server.url}/docs`);
    const page = await response.text();
    const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? "");

    expect(response.headers.get("content-type")).toMatch("text/html");
    expect(files.filter((file) => !file.startsWith("data:"))).toHaveLength(3);
    for (const file of files) {
      const url = new URL(file, response.url);
      expect(["data:", new URL(server.url).protocol]).toContain(url.protocol);
      if (url.protocol === "data:") continue;
      expect(url.origin).toBe(new URL(server.url).origin);
      const asset = await fetch(url);
      expect(asset.status, file).toBe(200);
      expect(asset.headers.get("content-type")).toMatch(
        file.endsWith(".css") ? "text/css" : "text/javascript",
      );
    }
  });

  test("lets the browser fetch nothing from elsewhere, and has no script of its own", async () => {
    const response = await fetch(`${server.url}/docs`);
    const policy = response.headers.get("content-security-policy");

    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/script-src [^;]*unsafe/);
    expect(await response.text()).not.toMatch(/<script(?![^>]* src=)/);
  });
});
