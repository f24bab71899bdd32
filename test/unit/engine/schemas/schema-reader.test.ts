import { expect, test } from "vitest";
import type { GraphRegistry } from "../../../../src/server/engine/graph-registry.ts";
import { createSchemaReader } from "../../../../src/server/engine/schemas/schema-reader.ts";
import { type MissingSchemas, warnOnce } from "../../../../src/server/engine/schemas/warn-once.ts";
import { annotated } from "../../../fixtures/graphs/schemas.ts";

const graphs: GraphRegistry = { entries: [], require: () => undefined, get: async () => annotated };
const AGENT = { graph_id: "agent", configurable: {} };

test("types that are still being read do not hold a request up", async () => {
  const told: MissingSchemas[] = [];
  const reading = Promise.withResolvers<never>();
  const reader = createSchemaReader({
    graphs,
    types: { find: () => reading.promise },
    warn: warnOnce((missing) => told.push(missing)),
  });
  const [schemas] = await Promise.all([reader.readSchemas(AGENT), reader.readSchemas(AGENT)]);
  expect(schemas.input_schema).toEqual({ type: "object", properties: { topic: {}, count: {} } });
  expect(told).toEqual([{ graphs: ["agent"], reason: expect.stringContaining("still being read") }]);
});

test("types are used for what the graph itself does not say, and for nothing else", async () => {
  const input = { type: "object", properties: { topic: { type: "string" } } };
  const reader = createSchemaReader({
    graphs,
    types: {
      find: async () => ({ schemas: { "": { input, config: {} } }, reason: "half of it is missing" }),
    },
    warn: warnOnce(() => undefined),
  });
  const schemas = await reader.readSchemas(AGENT);
  expect(schemas.input_schema).toEqual(input);
  expect(schemas.state_schema).toEqual({ type: "object", properties: { topic: {}, count: {} } });
  expect(schemas.context_schema["properties"]).toHaveProperty("model");
});
