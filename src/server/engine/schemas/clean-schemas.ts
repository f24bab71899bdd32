import { type KnownSchemas, SCHEMA_PARTS } from "../../domain/graph-schemas.ts";
import { isJsonObject, type JsonObject } from "../../domain/json.ts";

/** What `@langchain/langgraph-api` finds: by namespace, with the name of the export in front. */
export type RawSchemas = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Leaves out what says nothing, and the paths of this machine. The graph itself gets the empty namespace. */
export function toKnownSchemas(raw: RawSchemas, exportName: string): Record<string, KnownSchemas> {
  const known = Object.entries(raw).map(([name, schemas]): [string, KnownSchemas] => {
    const parts = SCHEMA_PARTS.flatMap((part) => {
      const schema = schemas[part];
      return isJsonObject(schema) && saysSomething(schema) ? [[part, renameDefinitions(schema)]] : [];
    });
    return [name === exportName ? "" : name.slice(exportName.length + 1), Object.fromEntries(parts)];
  });
  return Object.fromEntries(known);
}

/** A type that was not found becomes `any`, whose schema has no more than these. */
const saysSomething = (schema: JsonObject): boolean =>
  Object.keys(schema).some((key) => key !== "$schema" && key !== "definitions");

/** TypeScript names the types of other modules with the absolute path: `import("/home/me/app/types").Mood`. */
const IMPORT = /import\((?:[^()]|\([^()]*\))*\)\./g;

function renameDefinitions(schema: JsonObject): JsonObject {
  const { definitions } = schema;
  if (!isJsonObject(definitions)) return schema;
  const names = new Map<string, string>();
  const taken = new Set(Object.keys(definitions).filter((name) => !name.includes("import(")));
  for (const name of Object.keys(definitions)) {
    if (taken.has(name)) continue;
    const short = name.replaceAll(IMPORT, "");
    let free = short;
    for (let count = 2; taken.has(free); count++) free = `${short}_${count}`;
    taken.add(free);
    names.set(name, free);
  }
  const renamed = Object.entries(definitions).map(([name, definition]) => [
    names.get(name) ?? name,
    definition,
  ]);
  return renameReferences({ ...schema, definitions: Object.fromEntries(renamed) }, names) as JsonObject;
}

const POINTER = "#/definitions/";

function renameReferences(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => renameReferences(item, names));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (key !== "$ref" || typeof item !== "string") return [key, renameReferences(item, names)];
      const name = names.get(item.slice(POINTER.length));
      return [key, name === undefined ? item : POINTER + name];
    }),
  );
}
