import type { z } from "zod";
import type { OpenApiDocument } from "../../src/server/http/openapi/document.ts";
import { fieldsOfBody, partsOfBodies } from "./openapi-document.ts";

type Schema = z.core.JSONSchema.BaseSchema;

const OPERATIONS = "| Operation | What it does | Notes |\n|---|---|---|";
const PARAMETERS = "| Operation | Parameter | Values | Default | What it does |\n|---|---|---|---|---|";
const FIELDS = "| Field | Values | Default | What it does |\n|---|---|---|---|";

/** The parts of docs/protocol.md that follow from the description of the API, by their heading. */
function partsOf(document: OpenApiDocument): Readonly<Record<string, string>> {
  const tags = document.tags.map(
    ({ name }) => `### ${name}\n\n${table(OPERATIONS, operationRows(document, name))}`,
  );
  const bodies = bodiesOf(document).map(
    ({ name, keys }) =>
      `### ${name}\n\nThe body of ${keys.map(code).join(", ")}.\n\n${describeBody(document, name)}`,
  );
  const shared = partsOfBodies(document).map(
    (name) => `### ${name}\n\nA part of other bodies.\n\n${describeBody(document, name)}`,
  );
  return {
    "## Operations": tags.join("\n\n"),
    "## Query parameters": table(PARAMETERS, parameterRows(document)),
    "## Bodies": [...bodies, ...shared].join("\n\n"),
  };
}

/** The page as it ought to be: what follows from the description below its headings, the rest as it is. */
export function updatePage(page: string, document: OpenApiDocument): string {
  return Object.entries(partsOf(document)).reduce((text, [heading, part]) => {
    const [before, after] = text.split(`\n${heading}\n`);
    if (after === undefined) throw new Error(`the page has no '${heading}'`);
    const next = after.indexOf("\n## ");
    return `${before}\n${heading}\n\n${part}\n${after.slice(next)}`;
  }, page);
}

const table = (head: string, rows: readonly string[]): string => [head, ...rows].join("\n");

const operationRows = (document: OpenApiDocument, tag: string): string[] =>
  operationsOf(document)
    .filter(({ operation }) => operation.tags[0] === tag)
    .map(({ key, operation }) => row(code(key), `${operation.summary}.`, operation.description ?? ""));

const operationsOf = ({ paths }: OpenApiDocument) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      key: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );

const parameterRows = (document: OpenApiDocument): string[] =>
  operationsOf(document).flatMap(({ key, operation }) =>
    operation.parameters
      .filter((one) => one.in === "query")
      .map(({ name, schema, required, description = "" }) =>
        row(code(key), code(name), valuesOf(schema, document), defaultOf(schema, required), description),
      ),
  );

function bodiesOf(document: OpenApiDocument) {
  const uses = operationsOf(document).flatMap(({ key, operation }) => {
    const ref = operation.requestBody?.content["application/json"]?.schema.$ref;
    return ref === undefined ? [] : [{ key, name: ref.split("/").at(-1) ?? "" }];
  });
  return [...Map.groupBy(uses, ({ name }) => name)]
    .map(([name, of]) => ({ name, keys: of.map(({ key }) => key) }))
    .filter(({ name }) => isList(document, name) || fieldsOfBody(document, name).length > 0);
}

const isList = ({ components }: OpenApiDocument, name: string): boolean =>
  components.schemas[name]?.type === "array";

function describeBody(document: OpenApiDocument, name: string): string {
  if (isList(document, name)) {
    return `It is a ${valuesOf(document.components.schemas[name] ?? {}, document)}.`;
  }
  const rows = fieldsOfBody(document, name).map(({ name: field, schema, required, description }) =>
    row(code(field), valuesOf(schema, document), defaultOf(schema, required), description ?? ""),
  );
  return table(FIELDS, rows);
}

const row = (...cells: string[]): string =>
  `| ${cells.map((cell) => (cell === "" ? "–" : cell.replaceAll("|", "\\|"))).join(" | ")} |`;

const code = (text: string): string => `\`${text}\``;

function defaultOf(schema: Schema, required: boolean): string {
  if (required) return "required";
  return schema.default === undefined ? "" : code(JSON.stringify(schema.default));
}

/** The values that a schema allows, for people. Null is left out: it means the same as leaving the field out. */
function valuesOf(schema: Schema, document: OpenApiDocument): string {
  const name = schema.$ref?.split("/").at(-1);
  if (name !== undefined) return nameOf(name, document);
  if (schema.anyOf !== undefined) {
    const forms = schema.anyOf.filter((one) => one.type !== "null").map((one) => valuesOf(one, document));
    const [one = "", list] = [...new Set(forms)];
    return list === `list of ${one}` ? `one or a list of ${one}` : [...new Set(forms)].join(" or ");
  }
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(", ");
  if (schema.const !== undefined) return code(String(schema.const));
  const types = [schema.type ?? []].flat().filter((type) => type !== "null");
  return types.length === 0 ? "anything" : types.map((type) => typeOf(type, schema, document)).join(" or ");
}

/** A schema that is an enum is shown as its values; another one has a name that can be looked up. */
function nameOf(name: string, document: OpenApiDocument): string {
  const schema = document.components.schemas[name] ?? {};
  return schema.enum === undefined ? code(name) : valuesOf(schema, document);
}

function typeOf(type: string, schema: Schema, document: OpenApiDocument): string {
  switch (type) {
    case "array": {
      const { items } = schema;
      const item =
        typeof items === "object" && !Array.isArray(items) ? valuesOf(items as Schema, document) : "";
      if (schema.prefixItems !== undefined) return "list of two";
      return item === "" || item === "anything" ? "list" : `list of ${item}`;
    }
    case "boolean":
      return "`true`, `false`";
    case "integer":
    case "number":
      return numberOf(type, schema);
    case "string":
      return schema.format === "uuid" ? "UUID" : "text";
    default:
      return objectOf(schema, document);
  }
}

function numberOf(type: "integer" | "number", { minimum, maximum }: Schema): string {
  const noun = type === "integer" ? "whole number" : "number";
  if (minimum === undefined) return noun;
  return maximum === undefined ? `${noun} from ${minimum}` : `${noun} from ${minimum} to ${maximum}`;
}

function objectOf({ properties, additionalProperties }: Schema, document: OpenApiDocument): string {
  if (properties !== undefined) return `{${Object.keys(properties).map(code).join(", ")}}`;
  const value =
    typeof additionalProperties === "object" ? valuesOf(additionalProperties as Schema, document) : "";
  return value === "" || value === "anything" ? "object" : `object of ${value}`;
}
