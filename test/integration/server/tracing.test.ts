import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { testDatabaseUrl } from "../../support/database.ts";
import { serverProcess } from "../../support/server-process.ts";
import { post } from "../../support/wire.ts";

/** Takes the traces that LangChain sends to LangSmith. */
async function langSmith() {
  const bodies: string[] = [];
  const endpoint = http.createServer(async (incoming, response) => {
    bodies.push((await incoming.toArray()).join(""));
    response.setHeader("content-type", "application/json");
    response.end("{}");
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    endpoint.closeAllConnections();
    endpoint.close();
  });
  return {
    received: () => bodies.join("\n"),
    url: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`,
  };
}

const EXAMPLE = "5f0c1c7e-6a5b-4d0e-9a53-6a2b1f0d3c11";
const RUN = {
  assistant_id: "mjs",
  input: { messages: [{ role: "user", content: "hi" }] },
  langsmith_tracer: { project_name: "of the client", example_id: EXAMPLE },
};

test("the traces of a run go to the project and the example that its client names", async () => {
  const { url, received } = await langSmith();
  const server = await serverProcess(await testDatabaseUrl(), {
    LANGSMITH_TRACING: "true",
    LANGSMITH_ENDPOINT: url,
    LANGSMITH_API_KEY: "lsv2_test",
    LANGSMITH_PROJECT: "of the process",
    LANGSMITH_DISABLE_RUN_COMPRESSION: "true",
  });
  expect((await post(`${server.url}/runs/wait`, RUN)).status).toBe(200);
  await expect.poll(received, { timeout: 20_000 }).toContain("of the client");
  expect(received()).toContain(EXAMPLE);
  expect(received()).not.toContain("of the process");
});

test("a server that does not trace sends nothing anywhere", async () => {
  const { url, received } = await langSmith();
  const server = await serverProcess(await testDatabaseUrl(), {
    LANGSMITH_TRACING: "false",
    LANGSMITH_ENDPOINT: url,
    LANGSMITH_API_KEY: "lsv2_test",
  });
  const response = await post(`${server.url}/runs/wait`, RUN);
  expect(await response.json()).toMatchObject({ messages: [{}, {}] });
  expect(received()).toBe("");
});
