import { expect, test } from "vitest";
import { toErrorEnvelope, toErrorText } from "../../../src/cli/error-output.ts";
import { CliError } from "../../../src/cli/errors.ts";
import { toCliError } from "../../../src/cli/to-cli-error.ts";
import { ConfigError } from "../../../src/config/errors.ts";
import { DatabaseError } from "../../../src/database/errors.ts";
import { DockerError, ImageError } from "../../../src/docker/errors.ts";
import { StartError } from "../../../src/server/errors.ts";

const start = (code: StartError["code"]) => new StartError(code, "why", ["how"]);

test.each([
  [new ConfigError("why", ["how"]), "CONFIG_INVALID", 3],
  [new DatabaseError("why", ["how"]), "DATABASE_UNAVAILABLE", 3],
  [new DockerError("why", ["how"]), "DOCKER_UNAVAILABLE", 20],
  [new ImageError("why", ["how"]), "IMAGE_UNAVAILABLE", 22],
  [start("PORT_IN_USE"), "PORT_IN_USE", 21],
  [start("GRAPH_FAILED"), "GRAPH_FAILED", 1],
  [start("AUTH_UNSUPPORTED"), "AUTH_UNSUPPORTED", 3],
  [start("DATABASE_MISSING"), "DATABASE_MISSING", 3],
  [start("DATABASE_UNAVAILABLE"), "DATABASE_UNAVAILABLE", 3],
  [start("DATABASE_MISMATCH"), "DATABASE_MISMATCH", 3],
  [start("DATABASE_OUTDATED"), "DATABASE_OUTDATED", 25],
  [start("MIGRATION_FAILED"), "MIGRATION_FAILED", 25],
])("%s keeps its words and gets a code for scripts", (error, code, exitCode) => {
  expect(toCliError(error)).toMatchObject({ message: "why", suggestions: ["how"], code, exitCode });
});

test("what nobody foresaw is called a bug, and keeps its cause", () => {
  const cause = new TypeError("x is undefined");
  expect(toCliError(cause)).toMatchObject({ code: "UNEXPECTED", exitCode: 1, cause });
});

test("the envelope of an error has these keys", () => {
  const error = new CliError("why", { code: "X", exitCode: 3, suggestions: ["first", "second"] });
  expect(toErrorEnvelope(error)).toEqual({
    ok: false,
    error: { code: "X", message: "why", hint: "first", suggestions: ["first", "second"], exitCode: 3 },
  });
  expect(toErrorText(error)).toBe("Error: why\nTry this:\n  • first\n  • second");
});
