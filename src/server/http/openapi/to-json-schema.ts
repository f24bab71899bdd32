import { z } from "zod";
import type { InputNote } from "../schemas/common.ts";

/** JSON Schema of OpenAPI 3.1, which is draft 2020-12. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Schemas by the name that they have in the description of the API. */
export type NamedSchemas = Readonly<Record<string, z.ZodType>>;

type Override = NonNullable<z.core.ToJSONSchemaParams["override"]>;

/** What a body looks like, for every named schema; where one contains another, it refers to it. */
export function toComponents(named: NamedSchemas): Record<string, JsonSchema> {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    unrepresentable: "any",
    uri: (id) => `#/components/schemas/${id}`,
    override: describeBody,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema as JsonSchema]),
  );
}

export interface Parameter {
  readonly name: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/** The parameters in a query or path. They arrive as text; shown is what the text stands for. */
export function toParameters(schema: z.ZodType): Parameter[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: describeText,
  }) as JsonSchema;
  return Object.entries(properties).map(([name, property]) => ({
    name,
    required: required.includes(name),
    schema: property as JsonSchema,
  }));
}

const describeBody: Override = ({ zodSchema, jsonSchema }) => {
  const { def } = zodSchema._zod;
  if (def.type === "object") hideRefused(def as z.core.$ZodObjectDef, jsonSchema);
  const { inputDefault } = noteOf(zodSchema);
  delete jsonSchema["inputDefault"];
  if (inputDefault !== undefined) jsonSchema.default = inputDefault as JsonSchema["default"];
  flattenUnion(jsonSchema);
  dropTheObvious(jsonSchema);
};

const describeText: Override = (context) => {
  const { zodSchema, jsonSchema } = context;
  const { def } = zodSchema._zod;
  if (def.type === "pipe") replaceByEnd(def as z.core.$ZodPipeDef, jsonSchema);
  describeBody(context);
  // Zod leaves it out when the text is transformed, although what it stands for is what is shown.
  if (def.type === "default") {
    jsonSchema.default = (def as z.core.$ZodDefaultDef).defaultValue as JsonSchema["default"];
  }
};

function replaceByEnd({ out }: z.core.$ZodPipeDef, jsonSchema: JsonSchema): void {
  if (out._zod.def.type === "transform") return;
  const { $schema: _, ...end } = z.toJSONSchema(out, { io: "input", override: describeText });
  for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
  Object.assign(jsonSchema, end);
}

function hideRefused({ shape }: z.core.$ZodObjectDef, { properties = {} }: JsonSchema): void {
  for (const [name, field] of Object.entries(shape)) {
    if (noteOf(field).refused !== undefined) delete properties[name];
  }
}

const noteOf = (schema: z.core.$ZodType): InputNote =>
  (z.globalRegistry.get(schema) as InputNote | undefined) ?? {};

/** A union in a union says no more than one with all their members. */
function flattenUnion(jsonSchema: JsonSchema): void {
  if (jsonSchema.anyOf === undefined) return;
  jsonSchema.anyOf = jsonSchema.anyOf.flatMap((one) =>
    one.anyOf !== undefined && Object.keys(one).length === 1 ? one.anyOf : [one],
  );
}

/** Keys of JSON objects are text, and whole numbers are such that JavaScript can hold them. */
function dropTheObvious(jsonSchema: JsonSchema): void {
  delete jsonSchema.propertyNames;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
}
