import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { answerInit, type InitRequest } from "../../../src/cli/init-answers.ts";
import { tempDirectory } from "../../support/scaffold.ts";

/** A request from a script: nobody can be asked. */
const request = (said: Partial<InitRequest> & { cwd: string }): InitRequest => ({
  path: undefined,
  template: undefined,
  install: undefined,
  yes: false,
  interactive: false,
  ...said,
});

const inputNeeded = (flag: string) => ({
  code: "INPUT_NEEDED",
  exitCode: 4,
  suggestions: [expect.stringContaining(flag)],
});

test("what the command line says is taken as it is", async () => {
  const cwd = await tempDirectory();
  const said = { cwd, path: "robot", template: "react-agent", install: false };

  expect(await answerInit(request(said))).toMatchObject({
    directory: join(cwd, "robot"),
    template: { name: "react-agent" },
    install: false,
  });
});

test("--yes takes chatbot, the empty current directory, and installs", async () => {
  const cwd = await tempDirectory();
  await mkdir(join(cwd, ".git"));

  expect(await answerInit(request({ cwd, yes: true }))).toMatchObject({
    directory: cwd,
    template: { name: "chatbot" },
    install: true,
  });
});

test("--yes does not write into a directory in use unless it is named", async () => {
  const cwd = await tempDirectory();
  await writeFile(join(cwd, "thesis.txt"), "");

  await expect(answerInit(request({ cwd, yes: true }))).rejects.toMatchObject(inputNeeded("aegra init ."));
  expect(await answerInit(request({ cwd, yes: true, path: "." }))).toMatchObject({ directory: cwd });
});

test("without anybody to ask, a missing path or template is named", async () => {
  const cwd = await tempDirectory();

  await expect(answerInit(request({ cwd, template: "chatbot" }))).rejects.toMatchObject(
    inputNeeded("Name a directory"),
  );
  await expect(answerInit(request({ cwd, path: "robot" }))).rejects.toMatchObject(inputNeeded("--template"));
});

test("an unknown template is reported first", async () => {
  const cwd = await tempDirectory();
  await expect(answerInit(request({ cwd, template: "nope" }))).rejects.toMatchObject({
    name: "ScaffoldError",
  });
});
