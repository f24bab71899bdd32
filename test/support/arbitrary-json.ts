import fc from "fast-check";
import { z } from "zod";

/** The part of JSON Schema that zod writes for the schemas of the protocol. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema | boolean;
  readonly prefixItems?: readonly JsonSchema[];
  readonly maxItems?: number;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
}

/** Values by field name that get further than made-up ones: ids that exist, nodes of the graph. */
export type Hints = Readonly<Record<string, readonly unknown[]>>;

/** Makes values that a schema accepts, apart from what its refinements refuse. */
export const arbitraryOf = (schema: z.ZodType, hints: Hints): fc.Arbitrary<unknown> =>
  fromSchema(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema, hints);

function fromSchema(schema: JsonSchema, hints: Hints): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => fromSchema(one, hints)));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.type === undefined) return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, anyJson());
  const types = [schema.type].flat();
  return fc.oneof(...types.map((type) => ofType(type, schema, hints)));
}

function ofType(type: string, schema: JsonSchema, hints: Hints): fc.Arbitrary<unknown> {
  const { minimum = -(2 ** 53), maximum = 2 ** 53 } = schema;
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.oneof(fc.integer({ min: Math.ceil(minimum), max: Math.floor(maximum) }), bounds(schema));
    case "number":
      return fc.oneof(fc.double({ min: minimum, max: maximum, noNaN: true }), bounds(schema));
    case "string":
      return schema.pattern === undefined
        ? fc.string({ minLength: schema.minLength ?? 0, maxLength: 20, unit: "grapheme" })
        : fc.stringMatching(new RegExp(schema.pattern));
    case "array":
      return ofArray(schema, hints);
    default:
      return ofObject(schema, hints);
  }
}

const bounds = ({ minimum = 0, maximum = 1 }: JsonSchema) => fc.constantFrom(minimum, maximum);

function ofArray({ items, prefixItems, maxItems = 5 }: JsonSchema, hints: Hints): fc.Arbitrary<unknown> {
  if (prefixItems !== undefined) return fc.tuple(...prefixItems.map((item) => fromSchema(item, hints)));
  const item = typeof items === "object" ? fromSchema(items, hints) : anyJson();
  return fc.array(item, { maxLength: Math.min(5, maxItems) });
}

function ofObject(schema: JsonSchema, hints: Hints): fc.Arbitrary<unknown> {
  const { properties, additionalProperties, required = [] } = schema;
  if (properties === undefined) {
    const value =
      typeof additionalProperties === "object" ? fromSchema(additionalProperties, hints) : anyJson();
    return fc.dictionary(fc.string({ maxLength: 10 }), value, { maxKeys: 4, noNullPrototype: true });
  }
  const fields = Object.entries(properties).map(([name, property]) => [name, ofField(name, property, hints)]);
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: [...required],
    noNullPrototype: true,
  });
}

function ofField(name: string, property: JsonSchema, hints: Hints): fc.Arbitrary<unknown> {
  const known = hints[name];
  const made = fromSchema(property, hints);
  return known === undefined ? made : fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...known) }, made);
}

/** Any JSON, not deep. */
export const anyJson = (): fc.Arbitrary<unknown> => fc.jsonValue({ maxDepth: 2 });
