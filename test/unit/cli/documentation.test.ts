import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { BaseCommand } from "../../../src/cli/base-command.ts";
import { EXIT } from "../../../src/cli/errors.ts";
import { runCli } from "../../support/cli.ts";
import { type DocumentedFlag, listCommands, toFlags } from "../../support/commands.ts";
import { REPOSITORY, tempDirectory } from "../../support/scaffold.ts";

const documentation = readFileSync(path.join(REPOSITORY, "docs", "cli.md"), "utf8").replaceAll("\r\n", "\n");
const commands = await listCommands();

/** The table of flags below a heading, row by row; empty when the section has none. */
function rowsOf(heading: string): string[] {
  const [, section] = documentation.split(`\n## ${heading}\n`);
  if (section === undefined) throw new Error(`docs/cli.md has no section "${heading}"`);
  const [, table = ""] = section.split("\n## ")[0]?.split("| --- | --- | --- |\n") ?? [];
  return (table.split("\n\n")[0] ?? "").trim().split("\n").filter(Boolean);
}

const toRow = ({ usage, env, summary }: DocumentedFlag) => `| \`${usage}\` | \`${env}\` | ${summary} |`;

test("there are commands to document", () => {
  expect(commands.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["init", "dev", "serve", "version", "db upgrade", "db status", "db history"]),
  );
});

test.each(commands)("docs/cli.md has every flag of aegra $name, and no other", ({ name, command }) => {
  expect(rowsOf(`\`aegra ${name}\``)).toEqual(toFlags(command.flags).map(toRow));
});

test("docs/cli.md has every flag that all commands share", () => {
  expect(rowsOf("Flags of every command")).toEqual(toFlags(BaseCommand.baseFlags).map(toRow));
});

test.each(commands)("every flag of aegra $name has a variable of the same name", ({ command }) => {
  for (const { name, env, summary } of [...toFlags(command.flags), ...toFlags(BaseCommand.baseFlags)]) {
    expect(env, name).toBe(`AEGRA_${name.toUpperCase().replaceAll("-", "_")}`);
    expect(summary, name).not.toBe("");
  }
  expect(command.summary).toMatch(/\.$/);
});

test("docs/cli.md has every exit code", () => {
  const codes = [...documentation.matchAll(/^\| (\d+) \| .+ \|$/gm)].map(([, code]) => Number(code));
  expect(codes).toEqual([0, ...Object.values(EXIT)]);
});

test("the help of a command shows the variables", async () => {
  const { stdout } = await runCli({ cwd: await tempDirectory() }, "serve", "--help");
  for (const { env } of [...toFlags(BaseCommand.baseFlags), { env: "AEGRA_DRAIN_TIMEOUT" }]) {
    expect(stdout).toContain(`[env: ${env}]`);
  }
}, 20_000);
