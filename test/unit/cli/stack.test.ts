import { PassThrough, Readable } from "node:stream";
import { expect, test } from "vitest";
import { toPerform } from "../../../src/cli/stack/perform.ts";
import { readStackEnvironment } from "../../../src/cli/stack/stack-environment.ts";
import { toContainerUrl } from "../../../src/cli/stack/to-container-url.ts";
import { toTable } from "../../../src/cli/stack/to-table.ts";
import { toScale } from "../../../src/cli/stack/up-flags.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { demultiplex } from "../../../src/docker/stack/attach.ts";
import { writeTree } from "../../support/image-project.ts";

test("a stack has one api and no workers unless told otherwise", () => {
  expect(toScale(undefined)).toEqual({ apis: 1, workers: 0 });
  expect(toScale(["worker=2", "api=3"])).toEqual({ apis: 3, workers: 2 });
  // From the variable it comes as one text.
  expect(toScale("worker=2,api=3")).toEqual({ apis: 3, workers: 2 });
});

test.each(["api=0", "postgres=2", "worker", "worker=-1", "worker=two"])("--scale %s is refused", (text) => {
  expect(() => toScale([text])).toThrow("expected worker=N or api=N");
});

test.each([
  ["postgres://u:p%40ss@localhost:5432/db", "postgres://u:p%40ss@host.docker.internal:5432/db"],
  ["redis://127.0.0.1:6379/1", "redis://host.docker.internal:6379/1"],
  ["redis://[::1]:6379", "redis://host.docker.internal:6379"],
])("%s is this machine, which a container knows by another name", (url, inner) => {
  expect(toContainerUrl(url)).toEqual({ url: inner, changed: true });
});

test("other addresses are left as they are", () => {
  const url = "postgres://db.example.com/x?sslmode=require";
  expect(toContainerUrl(url)).toEqual({ url, changed: false });
});

test("containers get what the project sets, and not what is meant for the machine", async () => {
  const root = await writeTree({
    "aegra.json": { graphs: { agent: "./agent.ts:graph" } },
    ".env":
      "MODEL=small\nDATABASE_URL=postgres://localhost/x\nPORT=9\nPOSTGRES_PASSWORD=secret\nREDIS_URL=\n",
    "more.env": "MODEL=large\n",
  });
  const config = await loadConfig({ cwd: root });
  expect(readStackEnvironment(config, [`${root}/more.env`])).toEqual({
    variables: { MODEL: "large" },
    postgresPassword: "secret",
    warnings: [expect.stringContaining("give --database-url to use another")],
  });
});

test("columns are as wide as what is in them", () => {
  expect(
    toTable([
      ["NAME", "STATE"],
      ["a-long-name", "up"],
      ["b", ""],
    ]),
  ).toBe("NAME         STATE\na-long-name  up\nb");
});

test("the two streams of a command are told apart, however they are cut", async () => {
  const frame = (kind: number, text: string) => {
    const header = Buffer.alloc(8);
    header[0] = kind;
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const bytes = Buffer.concat([frame(1, "out ü"), frame(2, "err"), frame(1, "more")]);
  for (let size = 1; size <= bytes.length; size += 1) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    const [output, errors] = [new PassThrough(), new PassThrough()];
    await demultiplex(Readable.from(pieces), { output, errors });
    expect([output.read()?.toString(), errors.read()?.toString()]).toEqual(["out ümore", "err"]);
  }
});

test("of jobs at once, all errors are returned", async () => {
  const perform = toPerform({ silent: true });
  const fail = (title: string) => ({ title, run: () => Promise.reject(new Error(title)) });
  const errors = await perform([fail("one"), { title: "two", run: async () => "done" }, fail("three")]);
  expect(errors.map((error) => (error as Error).message)).toEqual(["one", "three"]);
});
