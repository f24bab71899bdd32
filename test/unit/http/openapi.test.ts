import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { OPERATIONS } from "../../../src/server/http/openapi/create-document.ts";
import type { OpenApiDocument } from "../../../src/server/http/openapi/document.ts";
import { arbitraryOf } from "../../support/arbitrary-json.ts";
import {
  checkerOf,
  fetchDocument,
  fieldsOfBody,
  namedBodies,
  partsOfBodies,
} from "../../support/openapi-document.ts";
import { ROUTES, servedRoutes } from "../../support/protocol-routes.ts";

let document: OpenApiDocument;
beforeAll(async () => {
  document = await fetchDocument();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

test("every route has an operation, and every operation a route", () => {
  expect(Object.keys(OPERATIONS).toSorted()).toEqual(servedRoutes().toSorted());
});

describe("the document", () => {
  test("is one of OpenAPI 3.1", () => {
    expect(z.safeParse(OpenApi, document).error?.issues ?? []).toEqual([]);
  });

  test("refers to nothing that is not there", () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, ref]) => ref ?? "");
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);

    expect(refs.length).toBeGreaterThan(100);
    expect(refs.filter((ref) => !known.includes(ref))).toEqual([]);
  });

  test("contains no schema that nothing refers to", () => {
    const text = JSON.stringify(document);
    const unused = Object.keys(document.components.schemas).filter(
      (name) => !text.includes(`"#/components/schemas/${name}"`),
    );

    expect(unused).toEqual([]);
  });

  test("declares the parameters of every path, and no others", () => {
    for (const { path, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.filter((one) => one.in === "path");
      expect(declared.map(({ name }) => name).toSorted(), path).toEqual(inPath.toSorted());
      expect(declared.every(({ required }) => required)).toBe(true);
    }
  });

  test("names every operation once, in a group that it has", () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    const groups = document.tags.map(({ name }) => name);

    expect(new Set(ids).size).toBe(ids.length);
    expect(
      operations().filter(({ operation }) => !operation.tags.every((tag) => groups.includes(tag))),
    ).toEqual([]);
  });

  test("says what every parameter of a query does, and speaks of none that is not there", () => {
    for (const [key, operation] of Object.entries(OPERATIONS)) {
      if (operation === null) continue;
      const { parameters } = find(key);
      const inQuery = parameters.filter((one) => one.in === "query");
      const names = parameters.map(({ name }) => name);
      expect(
        inQuery.filter(({ description }) => description === undefined).map(({ name }) => name),
        key,
      ).toEqual([]);
      expect(
        Object.keys(operation.parameters ?? {}).filter((name) => !names.includes(name)),
        key,
      ).toEqual([]);
    }
  });

  test("leaves out the fields that are refused", () => {
    expect(fieldsOfBody(document, "ThreadRunCreate").map(({ name }) => name)).toContain("input");
    expect(fieldsOfBody(document, "ThreadRunCreate").map(({ name }) => name)).not.toContain("webhook");
  });

  test("shows what the text of a query stands for, with its default", () => {
    const { parameters } = find("GET /threads/:thread_id/runs");
    const limit = parameters.find(({ name }) => name === "limit");

    expect(limit?.schema).toMatchObject({ type: "integer", minimum: 1, maximum: 1000, default: 10 });
  });
});

describe("bodies", () => {
  const bodies = () => [...namedBodies(document)];

  test("there are bodies to check", () => expect(bodies().length).toBeGreaterThan(15));

  test("every field says what it does", () => {
    const names = [...namedBodies(document).keys(), ...partsOfBodies(document)];
    const silent = names.flatMap((name) =>
      fieldsOfBody(document, name)
        .filter(({ description }) => description === null)
        .map((field) => `${name}.${field.name}`),
    );
    expect(silent).toEqual([]);
  });

  test("what a route accepts, the document accepts, and an unknown field neither of them", () => {
    for (const [name, schema] of bodies()) {
      const documented = checkerOf(document, { $ref: `#/components/schemas/${name}` });
      let accepted = 0;
      fc.assert(
        fc.property(arbitraryOf(schema, { ttl: [null, 1] }), (value) => {
          const body = withoutRefused(schema, value);
          if (!schema.safeParse(body).success) return;
          accepted += 1;
          expect(documented.safeParse(body).error?.issues ?? [], `${name}: ${JSON.stringify(body)}`).toEqual(
            [],
          );
          if (Array.isArray(body)) return;
          const strange = { ...body, "unknown field": 1 };
          expect([schema, documented].map((one) => one.safeParse(strange).success)).toEqual([false, false]);
        }),
        { seed: 1, numRuns: 25 },
      );
      expect(accepted, `${name}: bodies that the route accepts`).toBeGreaterThan(0);
    }
  });

  test("a default is what applies when the field is left out", () => {
    const checked: string[] = [];
    for (const [name, schema] of bodies()) {
      const least = Object.values(ROUTES).find(({ body }) => body === schema)?.leastBody ?? {};
      for (const { name: field, schema: described } of fieldsOfBody(document, name)) {
        if (described.default === undefined || field in least) continue;
        checked.push(`${name}.${field}`);
        expect(schema.parse({ ...least, [field]: described.default }), `${name}.${field}`).toEqual(
          schema.parse(least),
        );
      }
    }
    expect(checked.length).toBeGreaterThan(30);
  });
});

/** Null is let through where a field is refused, because it says nothing; the document is silent about both. */
function withoutRefused(schema: z.ZodType, value: unknown) {
  const shape = JSON.stringify(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }));
  const refused = [...shape.matchAll(/"(\w+)":\{"refused":/g)].map(([, name]) => name ?? "");
  return JSON.parse(JSON.stringify(value), (key, field) =>
    field === null && refused.includes(key) ? undefined : field,
  );
}

function find(key: string) {
  const [method = "", path = ""] = key.split(" ");
  const operation = document.paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${key} is not in the document`);
  return operation;
}

const Schema = z.record(z.string(), z.unknown());
const Content = z.record(z.string().regex(/^\w+\/[\w.+-]+$/), z.strictObject({ schema: Schema }));
const Text = z.string().min(1);

/** The part of OpenAPI 3.1 that the document may use, and nothing else. */
const OpenApi = z.strictObject({
  openapi: z.literal("3.1.0"),
  info: z.strictObject({ title: Text, version: z.string(), description: Text }),
  tags: z.array(z.strictObject({ name: Text, description: Text })),
  paths: z.record(
    z.string().startsWith("/"),
    z.partialRecord(
      z.enum(["get", "put", "post", "delete", "options", "head", "patch", "trace"]),
      z.strictObject({
        operationId: z.string().regex(/^\w+$/),
        tags: z.array(Text).length(1),
        summary: Text,
        description: Text.optional(),
        parameters: z.array(
          z.strictObject({
            name: Text,
            in: z.enum(["query", "header", "path"]),
            required: z.boolean(),
            description: Text.optional(),
            schema: Schema,
          }),
        ),
        requestBody: z.strictObject({ required: z.boolean(), content: Content }).optional(),
        responses: z.record(
          z.string().regex(/^([1-5]\d\d|default)$/),
          z.strictObject({
            description: Text,
            headers: z.record(Text, z.strictObject({ description: Text, schema: Schema })).optional(),
            content: Content.optional(),
          }),
        ),
      }),
    ),
  ),
  components: z.strictObject({ schemas: z.record(z.string().regex(/^[\w.-]+$/), Schema) }),
});
