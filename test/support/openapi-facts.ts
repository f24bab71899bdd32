import type { z } from "zod";
import type { OpenApiDocument } from "../../src/server/http/openapi/document.ts";

type Document = Pick<OpenApiDocument, "paths" | "components">;
type Schema = z.core.JSONSchema.BaseSchema;

/** What a client can rely on in one operation. Values are those that a field or parameter can have. */
export interface OperationFacts {
  readonly path: Values;
  readonly query: Values;
  readonly header: Values;
  /** By field, `a.b` style; `[]` stands for an item of a list. */
  readonly body: Values;
  readonly statuses: readonly string[];
}

export type Values = Readonly<Record<string, readonly string[]>>;

/** The facts of a document, by `METHOD /path`. Names of path parameters say nothing to a client. */
export function factsOf(document: Document): Record<string, OperationFacts> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const parametersIn = (place: string) =>
        Object.fromEntries(
          (operation.parameters ?? [])
            .filter((one) => one.in === place)
            .map(({ name, schema }) => [name, textsOf(schema, document)]),
        );
      const body = operation.requestBody?.content["application/json"]?.schema;
      const facts: OperationFacts = {
        path: parametersIn("path"),
        query: parametersIn("query"),
        header: parametersIn("header"),
        body: body === undefined ? {} : fieldsOf(body, document),
        statuses: Object.keys(operation.responses),
      };
      return [`${method.toUpperCase()} ${path}`, facts] as const;
    }),
  );
  return Object.fromEntries(operations);
}

/** Every form that a value can have, with references resolved. */
function formsOf(schema: Schema | boolean, document: Document): Schema[] {
  if (typeof schema === "boolean") return [];
  const { $ref, anyOf = [], oneOf = [], allOf = [], ...rest } = schema;
  const target = $ref === undefined ? undefined : document.components.schemas[$ref.split("/").at(-1) ?? ""];
  const others = [...anyOf, ...oneOf, ...allOf, ...(target === undefined ? [] : [target])];
  return [rest as Schema, ...others.flatMap((one) => formsOf(one, document))];
}

/** What the items of a list have to be; none for a list of anything, or of a fixed length. */
const itemsOf = ({ items }: Schema): Schema[] =>
  typeof items === "object" && !Array.isArray(items) ? [items as Schema] : [];

/** A flag is one of four texts. */
const textsOf = (schema: Schema, document: Document): string[] =>
  formsOf(schema, document).some(({ type }) => type === "boolean")
    ? ["0", "1", "false", "true"]
    : valuesOf(schema, document);

function valuesOf(schema: Schema | boolean, document: Document): string[] {
  const values = formsOf(schema, document).flatMap((form): unknown[] => {
    if (form.enum !== undefined) return [...form.enum];
    if ("const" in form) return [form.const];
    return itemsOf(form).flatMap((item) => valuesOf(item, document));
  });
  return [...new Set(values.map(String))].toSorted();
}

function fieldsOf(schema: Schema | boolean, document: Document, prefix = ""): Record<string, string[]> {
  const fields: Record<string, string[]> = {};
  for (const form of formsOf(schema, document)) {
    for (const [name, field] of Object.entries(form.properties ?? {})) {
      const path = prefix === "" ? name : `${prefix}.${name}`;
      fields[path] = [...new Set([...(fields[path] ?? []), ...valuesOf(field, document)])].toSorted();
      Object.assign(fields, fieldsOf(field, document, path));
    }
    for (const item of itemsOf(form)) Object.assign(fields, fieldsOf(item, document, `${prefix}[]`));
  }
  return fields;
}
