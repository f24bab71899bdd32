import { execFileSync } from "node:child_process";
import { readFile, readlink, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { packTar, type TarFile } from "../../../src/docker/tar.ts";
import { tempDirectory } from "../../support/scaffold.ts";

const long = `${"folder/".repeat(20)}näme.txt`;
const FILES: TarFile[] = [
  { path: "run.sh", content: Buffer.from("#!/bin/sh\n"), isExecutable: true },
  { path: "empty", content: Buffer.alloc(0), isExecutable: false },
  { path: "a/b/block.bin", content: Buffer.alloc(512, 7), isExecutable: false },
  { path: long, content: Buffer.from("deep"), isExecutable: false },
];

const pack = async (files: TarFile[]) => Buffer.concat(await Array.fromAsync(packTar(files)));

test("an archive is read by tar as it was written", async () => {
  const folder = await tempDirectory();
  await writeFile(path.join(folder, "x.tar"), await pack(FILES));
  execFileSync("tar", ["-xf", "x.tar"], { cwd: folder });
  for (const file of FILES) {
    expect(await readFile(path.join(folder, file.path)), file.path).toEqual(file.content);
    const { mode, mtimeMs } = await stat(path.join(folder, file.path));
    if (process.platform !== "win32") expect((mode & 0o100) !== 0).toBe(file.isExecutable);
    expect(mtimeMs).toBe(0);
  }
});

test.skipIf(process.platform === "win32")("links stay links", async () => {
  const folder = await tempDirectory();
  const empty = { content: Buffer.alloc(0), isExecutable: false };
  const links = [
    { path: "short", link: "./there", ...empty },
    { path: `${long}.link`, link: `../${"x".repeat(150)}`, ...empty },
  ];
  await writeFile(path.join(folder, "x.tar"), await pack(links));
  execFileSync("tar", ["-xf", "x.tar"], { cwd: folder });
  for (const link of links) expect(await readlink(path.join(folder, link.path))).toBe(link.link);
});

test("names of every length arrive whole", async () => {
  const folder = await tempDirectory();
  const names = Array.from({ length: 160 }, (_, index) => "x".repeat(index + 60)).map((name) => `d/${name}`);
  await writeFile(
    path.join(folder, "x.tar"),
    await pack(names.map((name) => ({ path: name, content: Buffer.from("."), isExecutable: false }))),
  );
  const listed = execFileSync("tar", ["-tf", "x.tar"], { cwd: folder, encoding: "utf8" });
  expect(listed.trim().split("\n").slice(1)).toEqual(names);
});
