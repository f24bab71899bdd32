import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";

const CAPABILITIES = ["src/server/persistence", "src/server/bus", "src/server/engine"];

/** Room → the rooms it may import from. Every source file must be in a room. See docs/architecture.md. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "src/config": [],
  "src/scaffold": [],
  "src/docker": [],
  "src/database": ["src/docker"],
  "src/cli": ["src/config", "src/scaffold", "src/docker", "src/database"],
  "src/server/domain": [],
  "src/server/persistence": ["src/server/domain"],
  "src/server/bus": ["src/server/domain"],
  "src/server/engine": ["src/server/domain"],
  "src/server/services": ["src/server/domain", ...CAPABILITIES],
  "src/server/http": ["src/server/domain", "src/server/services"],
  "src/server/jobs": ["src/server/domain", "src/server/services", "src/server/persistence"],
  "src/server/telemetry": [],
};

/** Files at the top of the server: they put the rooms together and may know all of them. */
const ROOTS = ["src/index.ts", ...globSync("src/server/*.ts").map(toSlashes)];

/** What of the server the command line may import: what starts it, what prepares a database or project, errors. */
const SERVER_ENTRIES = [
  "src/server/main.ts",
  "src/server/upgrade-database.ts",
  "src/server/write-project-schemas.ts",
  "src/server/errors.ts",
];

/** Library → the only places that may know it. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  hono: ["src/server/http"],
  "@hono/node-server": ["src/server/compose.ts"],
  pg: ["src/server/persistence", "src/database", "src/server/upgrade-database.ts"],
  "node-pg-migrate": ["src/server/persistence"],
  "@langchain/langgraph": ["src/server/engine"],
  "@langchain/core": ["src/server/engine"],
  "@langchain/langgraph-checkpoint": ["src/server/engine"],
  "@langchain/langgraph-checkpoint-postgres": ["src/server/engine"],
  tsx: ["src/server/engine"],
  ioredis: ["src/server/bus"],
  pino: ["src/server/telemetry", "src/server/jobs", "src/server/http", ...ROOTS],
  "pino-pretty": ["src/server/telemetry"],
  dockerode: ["src/docker"],
  undici: ["src/cli", "src/docker"],
  "@oclif/core": ["src/cli"],
  listr2: ["src/cli"],
  "@clack/prompts": ["src/cli"],
  chokidar: ["src/cli"],
  ejs: ["src/scaffold"],
  dotenv: ["src/config"],
  zod: ["src/config", "src/server/http"],
};

const MAX_LINES = 400;

const files = globSync("src/**/*.ts").map(toSlashes);
const roomOf = (path: string) => Object.keys(ROOMS).find((room) => path.startsWith(`${room}/`));

describe("rooms", () => {
  test("there are files to check, in every room", () => {
    expect(files.length).toBeGreaterThan(100);
    for (const room of Object.keys(ROOMS)) {
      expect(
        files.some((file) => file.startsWith(`${room}/`)),
        room,
      ).toBe(true);
    }
  });

  test.each(files)("%s keeps to its room", (path) => {
    if (!ROOTS.includes(path)) expect(roomOf(path), "file is in no room").toBeDefined();
    for (const name of importsOf(path)) {
      if (name.startsWith(".")) checkOwnImport(path, toSlashes(normalize(join(dirname(path), name))));
      else checkLibrary(path, name);
    }
  });

  test.each(files)("%s is short enough to read", (path) => {
    expect(readFileSync(path, "utf8").split("\n").length).toBeLessThanOrEqual(MAX_LINES);
  });

  test.each(files.filter((path) => !path.startsWith("src/config/")))(
    "%s leaves the environment alone",
    (path) => {
      expect(readFileSync(path, "utf8")).not.toMatch(/process\.env/);
    },
  );

  test("the check itself sees a forbidden import", () => {
    expect(() => checkOwnImport("src/server/domain/run.ts", "src/server/http/app.ts")).toThrow();
    expect(() => checkLibrary("src/server/domain/run.ts", "pg")).toThrow();
  });
});

function checkOwnImport(path: string, target: string): void {
  if (ROOTS.includes(path)) return;
  const room = roomOf(path) ?? "";
  if (room === "src/cli" && SERVER_ENTRIES.includes(target)) return;
  const targetRoom = roomOf(target);
  if (targetRoom !== room) expect(ROOMS[room], `${path} imports ${target}`).toContain(targetRoom);
}

function checkLibrary(path: string, name: string): void {
  const library = Object.keys(LIBRARIES).find((known) => name === known || name.startsWith(`${known}/`));
  if (library === undefined) return;
  const allowed = LIBRARIES[library]?.some((place) => path === place || path.startsWith(`${place}/`));
  expect(allowed, `${path} imports ${name}`).toBe(true);
}

function importsOf(path: string): string[] {
  const source = readFileSync(path, "utf8");
  return [...source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, name]) => name ?? "");
}

function toSlashes(path: string): string {
  return path.replaceAll("\\", "/");
}
