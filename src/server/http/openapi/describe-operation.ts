import type { z } from "zod";
import type { DescribedRoute } from "./describe-routes.ts";
import type { DescribedOperation, DescribedParameter, DescribedResponse } from "./document.ts";
import { type Answer, type Operation, problem } from "./operation.ts";
import { toParameters } from "./to-json-schema.ts";

/** Joins what a route checks with what is said about it. @param bodyName null when it takes no body */
export function describeOperation(
  route: DescribedRoute,
  operation: Operation,
  bodyName: string | null,
): DescribedOperation {
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.notes !== undefined && { description: operation.notes }),
    parameters: describeParameters(route, operation),
    ...(route.body !== null && bodyName !== null && { requestBody: describeBody(route.body, bodyName) }),
    responses: describeAnswers(route, operation),
  };
}

function describeParameters(route: DescribedRoute, operation: Operation): DescribedParameter[] {
  const told = ({ name }: { readonly name: string }) => {
    const description = operation.parameters?.[name];
    return description === undefined ? {} : { description };
  };
  const inPath = route.params.flatMap(toParameters);
  const inQuery = route.queries.flatMap(toParameters);
  return [
    ...inPath.map((one) => ({ ...one, in: "path" as const, required: true, ...told(one) })),
    ...inQuery.map((one) => ({ ...one, in: "query" as const, ...told(one) })),
    ...(operation.headers ?? []).map((one) => ({ ...one, in: "header" as const, required: false })),
  ];
}

/** A body that may be empty may be missing too. */
const describeBody = (body: z.ZodType, name: string): NonNullable<DescribedOperation["requestBody"]> => ({
  required: !body.safeParse({}).success,
  content: { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } },
});

const NOT_JSON = problem("The body is not JSON.");
const MISFIT = problem("The request does not fit its schema, or its values cannot be used.");
const OTHER = problem("Anything else: the body is too large (413), the database is away (503), a bug (500).");

function describeAnswers({ params, queries, body }: DescribedRoute, { answers }: Operation) {
  const checksAnything = params.length + queries.length > 0 || body !== null;
  const all: Readonly<Record<string, Answer>> = {
    ...answers,
    ...(body !== null && { 400: NOT_JSON }),
    ...(checksAnything && { 422: MISFIT, default: OTHER }),
  };
  return Object.fromEntries(Object.entries(all).map(([status, answer]) => [status, describeAnswer(answer)]));
}

const describeAnswer = ({ description, content, headers }: Answer): DescribedResponse => ({
  description,
  ...(headers !== undefined && {
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [
        name,
        { description: text, schema: { type: "string" as const } },
      ]),
    ),
  }),
  ...(content !== null && { content }),
});
