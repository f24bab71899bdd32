import { expect, test } from "vitest";
import { toKnownSchemas } from "../../../../src/server/engine/schemas/clean-schemas.ts";

test("the graph gets the empty namespace, and its subgraphs their own", () => {
  const schema = { type: "object" };
  const raw = { graph: { state: schema }, "graph|child": { input: schema }, "graph|child|below": {} };
  expect(toKnownSchemas(raw, "graph")).toEqual({
    "": { state: schema },
    child: { input: schema },
    "child|below": {},
  });
});

test("a schema that says nothing is left out", () => {
  const raw = {
    graph: { state: { $schema: "…" }, input: undefined, output: { $schema: "…", definitions: {} } },
  };
  expect(toKnownSchemas(raw, "graph")).toEqual({ "": {} });
});

test("types of other modules lose the path of the machine, and stay apart", () => {
  const name = (module: string) => `import("/home/me/${module}",{with:{"resolution-mode":"import"}}).Mood`;
  const raw = {
    graph: {
      state: {
        properties: {
          one: { $ref: `#/definitions/${name("a(1)")}` },
          two: [{ $ref: `#/definitions/${name("b")}` }],
          three: { $ref: "#/definitions/Other" },
        },
        definitions: { [name("a(1)")]: { enum: ["a"] }, [name("b")]: { enum: ["b"] }, Other: {} },
      },
    },
  };
  expect(toKnownSchemas(raw, "graph")[""]?.state).toEqual({
    properties: {
      one: { $ref: "#/definitions/Mood" },
      two: [{ $ref: "#/definitions/Mood_2" }],
      three: { $ref: "#/definitions/Other" },
    },
    definitions: { Mood: { enum: ["a"] }, Mood_2: { enum: ["b"] }, Other: {} },
  });
});
