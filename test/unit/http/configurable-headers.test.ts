import { expect, test } from "vitest";
import { createHeaderReader } from "../../../src/server/http/configurable-headers.ts";

const HEADERS = new Headers({
  "X-User-Id": "ada",
  "x-trace.id": "1",
  "x-api-key": "secret",
  "x-tenant-id": "t",
  "x-service-key": "secret",
  authorization: "Bearer secret",
  cookie: "secret",
  "proxy-authorization": "secret",
  "user-agent": "curl",
  accept: "*/*",
  "acme-region": "eu",
  "acme-region-2": "us",
  checkpoint_id: "1",
  __pregel_read: "1",
});

test.each([
  ["by default those of the hosted server", null, [], ["user-agent", "x-trace.id", "x-user-id"]],
  ["what is excluded, whatever its case", null, ["X-User-*"], ["user-agent", "x-trace.id"]],
  ["only what is included", ["acme-*"], [], ["acme-region", "acme-region-2"]],
  ["nothing that is excluded, though it is included", ["acme-*"], ["*-2"], ["acme-region"]],
  ["a name as it stands, no expression", ["x-trace.id", "x-user.id", "acme-regio."], [], ["x-trace.id"]],
  ["no credentials for a pattern", ["*-key", "auth*", "c*", "proxy-*"], [], []],
  ["a credential that is named in full", ["Authorization"], [], ["authorization"]],
  ["nothing for an empty list", [], [], []],
  [
    "all but credentials and what LangGraph keeps for itself",
    ["*"],
    [],
    ["accept", "acme-region", "acme-region-2", "user-agent", "x-trace.id", "x-user-id"],
  ],
])("passes on %s", (_, includes, excludes, names) => {
  const read = createHeaderReader({ includes, excludes });

  expect(Object.keys(read(HEADERS)).toSorted()).toEqual(names);
});

test("passes on the values as they are", () => {
  expect(createHeaderReader({ includes: ["x-user-id"], excludes: [] })(HEADERS)).toEqual({
    "x-user-id": "ada",
  });
});
