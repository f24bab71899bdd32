import { toJsonSchema } from "@langchain/core/utils/json_schema";
import { getInteropZodObjectShape, type InteropZodObject } from "@langchain/core/utils/types";
import { schemaMetaRegistry } from "@langchain/langgraph/zod";
import type { JsonObject } from "../../domain/json.ts";

/**
 * The JSON schema of a zod object some of whose properties have none: those accept anything.
 * @param takesUpdates whether it is about what reducers take, with nothing required
 */
export function toLenientSchema(
  definition: InteropZodObject,
  { takesUpdates }: { readonly takesUpdates: boolean },
): JsonObject {
  const shape = getInteropZodObjectShape(definition);
  const properties = Object.entries(shape).map(([key, property]) => {
    const meta = schemaMetaRegistry.get(property);
    const schema = takesUpdates ? (meta?.reducer?.schema ?? property) : property;
    return [key, { ...convert(schema), ...meta?.jsonSchemaExtra }];
  });
  const required = convert(definition)["required"];
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    ...(!takesUpdates && Array.isArray(required) && { required }),
  };
}

function convert(schema: unknown): JsonObject {
  try {
    const { $schema: _, ...converted } = toJsonSchema(schema as InteropZodObject, ANYTHING) as JsonObject;
    return converted;
  } catch {
    // A schema that cannot be converted even so says nothing, which is what an empty one means.
    return {};
  }
}

const ANYTHING = { unrepresentable: "any" } as Parameters<typeof toJsonSchema>[1];
