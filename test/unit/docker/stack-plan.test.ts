import { expect, test } from "vitest";
import { planStack, type StackRequest, toWaves } from "../../../src/docker/stack/stack-plan.ts";

const IMAGE = { name: "agent:1", id: "sha256:1" };

const request = (changes: Partial<StackRequest> = {}): StackRequest => ({
  project: "aegra-demo",
  directory: "/projects/demo",
  configFile: "/projects/demo/aegra.json",
  image: IMAGE,
  postgres: { image: { name: "pg:17", id: "sha256:2" }, password: "p@ss/word", port: null },
  redis: null,
  environment: { MODEL: "small" },
  migrates: true,
  apis: 1,
  workers: 0,
  port: 2026,
  bind: "127.0.0.1",
  memoryBytes: null,
  cpus: null,
  restart: "unless-stopped",
  ...changes,
});

const containersOf = (changes: Partial<StackRequest> = {}) => planStack(request(changes)).waves.flat();
const variablesOf = (changes: Partial<StackRequest>, name: string): Record<string, string> =>
  Object.fromEntries(
    (containersOf(changes).find((each) => each.name === name)?.body.Env ?? []).map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
const hashesOf = (changes: Partial<StackRequest> = {}) =>
  Object.fromEntries(containersOf(changes).map(({ name, hash }) => [name, hash]));

test("what depends on others comes in a later wave", () => {
  const plan = planStack(request({ redis: { image: { name: "redis:8", id: "sha256:3" } }, workers: 2 }));
  expect(plan.waves.map((wave) => wave.map(({ name }) => name))).toEqual([
    ["aegra-demo-postgres-1", "aegra-demo-redis-1"],
    ["aegra-demo-migrate-1"],
    ["aegra-demo-api-1", "aegra-demo-worker-1", "aegra-demo-worker-2"],
  ]);
  expect(plan.volumes.map(({ name }) => name)).toEqual(["aegra-demo_postgres"]);
});

test("services that wait for each other are an error", () => {
  const both = [
    { service: "api", dependsOn: ["worker"] },
    { service: "worker", dependsOn: ["api"] },
  ] as const;
  expect(() => toWaves(both)).toThrow("these services wait for each other: api, worker");
});

test("with a Postgres and a Redis that are there already, only servers are started", () => {
  const changes = {
    postgres: { url: "postgres://u:p@db:5432/x" },
    redis: { url: "redis://cache:6379" },
    migrates: false,
  };
  const plan = planStack(request(changes));
  expect(plan.waves.flat().map(({ service }) => service)).toEqual(["api"]);
  expect(plan.volumes).toEqual([]);
  expect(variablesOf(changes, "aegra-demo-api-1")).toMatchObject({
    DATABASE_URL: "postgres://u:p@db:5432/x",
    REDIS_URL: "redis://cache:6379",
  });
});

test("Postgres is published only when asked, and everything on the address that was given", () => {
  const portsOf = (changes: Partial<StackRequest>) =>
    containersOf(changes).flatMap(({ body }) => Object.entries(body.HostConfig?.PortBindings ?? {}));
  expect(portsOf({})).toEqual([["2026/tcp", [{ HostIp: "127.0.0.1", HostPort: "2026" }]]]);
  const postgres = { image: IMAGE, password: "x", port: 5433 };
  expect(portsOf({ postgres, bind: "0.0.0.0", apis: 2 })).toEqual([
    ["5432/tcp", [{ HostIp: "0.0.0.0", HostPort: "5433" }]],
    ["2026/tcp", [{ HostIp: "0.0.0.0", HostPort: "2026" }]],
    ["2026/tcp", [{ HostIp: "0.0.0.0", HostPort: "2027" }]],
  ]);
});

test("the api executes runs unless there are workers, and no server touches the tables", () => {
  expect(variablesOf({}, "aegra-demo-api-1")).toEqual({
    AEGRA_MIGRATE: "false",
    AEGRA_ROLE: "all",
    DATABASE_URL: "postgres://aegra:p%40ss%2Fword@postgres:5432/aegra",
    MODEL: "small",
    PORT: "2026",
  });
  expect(variablesOf({ workers: 1 }, "aegra-demo-api-1")["AEGRA_ROLE"]).toBe("api");
  expect(variablesOf({ workers: 1 }, "aegra-demo-worker-1")["AEGRA_ROLE"]).toBe("worker");
});

test("a password is in the environment of containers, and in nothing else of the plan", () => {
  const plan = planStack(request());
  const rest = JSON.stringify({
    ...plan,
    waves: plan.waves.map((wave) =>
      wave.map(({ body, ...each }) => ({ ...each, body: { ...body, Env: [] } })),
    ),
  });
  expect(rest).not.toMatch(/p@ss|p%40ss/);
});

test("the labels are those by which Compose knows its containers", () => {
  const [postgres, , api] = containersOf();
  expect(api?.labels).toMatchObject({
    "com.docker.compose.project": "aegra-demo",
    "com.docker.compose.service": "api",
    "com.docker.compose.container-number": "1",
    "com.docker.compose.oneoff": "False",
    "com.docker.compose.project.working_dir": "/projects/demo",
    "com.docker.compose.depends_on":
      "postgres:service_healthy:false,migrate:service_completed_successfully:false",
    "com.docker.compose.config-hash": api?.hash,
    "dev.aegra.project": "aegra-demo",
    "dev.aegra.service": "api",
  });
  expect(postgres?.labels["com.docker.compose.depends_on"]).toBe("");
});

test("the same request makes the same containers", () => {
  expect(hashesOf()).toEqual(hashesOf());
});

test.each([
  ["another image", { image: { ...IMAGE, id: "sha256:9" } }, ["migrate", "api"]],
  ["a variable", { environment: { MODEL: "large" } }, ["migrate", "api"]],
  ["another port", { port: 2030 }, ["api"]],
  ["a Redis", { redis: { url: "redis://cache" } }, ["api"]],
  ["a limit of memory", { memoryBytes: 1e9 }, ["migrate", "api"]],
  [
    "another image of Postgres",
    { postgres: { image: { name: "pg:18", id: "x" }, password: "p@ss/word", port: null } },
    ["postgres"],
  ],
])("%s replaces what it is about, and nothing else", (_, changes, services) => {
  const [before, after] = [hashesOf(), hashesOf(changes)];
  const changed = Object.keys(before).filter((name) => before[name] !== after[name]);
  expect(changed).toEqual(services.map((service) => `aegra-demo-${service}-1`));
});
