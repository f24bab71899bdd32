import { expect, test } from "vitest";
import { requireSameDatabase } from "../../../src/server/require-same-database.ts";
import { testDatabaseUrl } from "../../support/database.ts";

const withHost = (databaseUrl: string, hostname: string): string => {
  const url = new URL(databaseUrl);
  url.hostname = hostname;
  return url.href;
};

test("another way to the same database is the same", async () => {
  const url = await testDatabaseUrl();
  await requireSameDatabase(url, null);
  await requireSameDatabase(url, url);
  await requireSameDatabase(withHost(url, "localhost"), withHost(url, "127.0.0.1"));
});

test("a way to another database is refused with both names, and without a password", async () => {
  const [one, other] = [new URL(await testDatabaseUrl()), new URL(await testDatabaseUrl())];
  const error: unknown = await requireSameDatabase(one.href, other.href).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: "DATABASE_MISMATCH",
    message: expect.stringContaining(`${one.pathname.slice(1)}' at ${one.host}`),
  });
  expect(error).toMatchObject({ message: expect.stringContaining(other.pathname.slice(1)) });
  if (one.password !== "") expect(String(error)).not.toContain(one.password);
});

test("a way that leads nowhere is named", async () => {
  const url = await testDatabaseUrl();
  await expect(requireSameDatabase(url, "postgres://me:secret@127.0.0.1:1/app")).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    message: expect.stringContaining("'app' at 127.0.0.1:1 cannot be reached"),
    suggestions: [expect.stringContaining("DATABASE_DIRECT_URL")],
  });
});
