import { z } from "zod";
import { isJsonObject } from "../../src/server/domain/json.ts";
import { describeRoutes } from "../../src/server/http/openapi/describe-routes.ts";
import type { OpenApiDocument } from "../../src/server/http/openapi/document.ts";
import { bareApp } from "./protocol-routes.ts";

type Schema = z.core.JSONSchema.BaseSchema;

/** The description that the server gives of itself. */
export async function fetchDocument(): Promise<OpenApiDocument> {
  const response = await bareApp().request("/openapi.json");
  return (await response.json()) as OpenApiDocument;
}

/** Bodies by the name that they have in the document, each once, with the schema that checks them. */
export function namedBodies({ paths }: OpenApiDocument): Map<string, z.ZodType> {
  const named = describeRoutes(bareApp().routes).flatMap(({ method, path, body }) => {
    const operation = paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
    const ref = operation?.requestBody?.content["application/json"]?.schema.$ref;
    return body === null || ref === undefined ? [] : [[ref.split("/").at(-1) ?? "", body] as const];
  });
  return new Map(named);
}

/** The names of schemas with fields that bodies refer to. */
export function partsOfBodies(document: OpenApiDocument): string[] {
  const bodies = [...namedBodies(document).keys()];
  const text = JSON.stringify(bodies.map((name) => document.components.schemas[name]));
  return Object.keys(document.components.schemas).filter(
    (name) =>
      !bodies.includes(name) &&
      text.includes(`"#/components/schemas/${name}"`) &&
      fieldsOfBody(document, name).length > 0,
  );
}

/** What of a body's description is said field by field. */
export interface FieldDescription {
  readonly name: string;
  readonly description: string | null;
  readonly schema: Schema;
  readonly required: boolean;
}

/** The fields of a body; none for one that is a list. */
export function fieldsOfBody({ components }: OpenApiDocument, name: string): FieldDescription[] {
  const { properties = {}, required = [] } = components.schemas[name] ?? {};
  return Object.entries(properties).map(([field, property]) => {
    const schema = property as Schema;
    return {
      name: field,
      schema,
      description: schema.description ?? null,
      required: required.includes(field),
    };
  });
}

/** A validator made from nothing but the document. It refuses fields that the document does not have. */
export function checkerOf({ components }: OpenApiDocument, schema: Schema): z.ZodType {
  const text = JSON.stringify({ $defs: components.schemas, ...schema });
  return z.fromJSONSchema(
    JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/"), (key, value) => {
      // A format says how to read a value, and not which values there are; zod would check it.
      if (key === "format" && typeof value === "string") return undefined;
      return isOpen(value) ? { ...value, additionalProperties: false } : value;
    }),
  );
}

const isOpen = (value: unknown): value is Schema =>
  isJsonObject(value) &&
  value["type"] === "object" &&
  "properties" in value &&
  !("additionalProperties" in value);
