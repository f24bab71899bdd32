import type { z } from "zod";
import { validationOf } from "../validate.ts";

/** What Hono knows about a handler or middleware. */
export interface RegisteredHandler {
  readonly method: string;
  readonly path: string;
  readonly handler: object;
}

/** A route and what its validators check. */
export interface DescribedRoute {
  /** `METHOD /path`, with Hono's `:name` for a parameter. */
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly params: readonly z.ZodType[];
  readonly queries: readonly z.ZodType[];
  readonly body: z.ZodType | null;
}

/** The routes of an app; what is there for every method is middleware. */
export function describeRoutes(handlers: readonly RegisteredHandler[]): DescribedRoute[] {
  const routes = handlers.filter(({ method }) => method !== "ALL");
  const byKey = Map.groupBy(routes, ({ method, path }) => `${method} ${path}`);
  return [...byKey].map(([key, ofRoute]) => {
    const validations = ofRoute.flatMap(({ handler }) => validationOf(handler) ?? []);
    const schemasOf = (part: string) =>
      validations.filter((one) => one.part === part).map(({ schema }) => schema);
    const [method = "", path = ""] = key.split(" ");
    return {
      key,
      method,
      path,
      params: schemasOf("param"),
      queries: schemasOf("query"),
      body: schemasOf("json")[0] ?? null,
    };
  });
}
