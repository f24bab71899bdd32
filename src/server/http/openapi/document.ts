import type { Tag } from "./operation.ts";
import type { JsonSchema, Parameter } from "./to-json-schema.ts";

/** A description of the API in OpenAPI 3.1, as far as this server writes one. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  /** By path, then by method in lower case. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export interface DescribedOperation {
  readonly operationId: string;
  readonly tags: readonly Tag[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly DescribedParameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  /** By status, or `default`. */
  readonly responses: Readonly<Record<string, DescribedResponse>>;
}

export interface DescribedParameter extends Parameter {
  readonly in: "path" | "query" | "header";
  readonly description?: string;
}

/** By media type. */
export type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

export interface DescribedResponse {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>;
  readonly content?: Content;
}
