import type { TestProject } from "vitest/node";
import { startTestPostgres } from "./embedded-postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A Postgres whose user may create databases; every test file makes one of its own on it. */
    databaseServerUrl: string;
  }
}

/** Gives the whole test run one Postgres: the server of AEGRA_TEST_DATABASE_URL, else one that lives as long as the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["AEGRA_TEST_DATABASE_URL"];
  if (given !== undefined && given !== "") {
    project.provide("databaseServerUrl", given);
    return async () => undefined;
  }
  const postgres = await startTestPostgres();
  project.provide("databaseServerUrl", postgres.url);
  return async () => await postgres[Symbol.asyncDispose]();
}
