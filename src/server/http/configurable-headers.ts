import { isReservedKey } from "./schemas/run.ts";

/** Which request headers a run finds in its configuration. `*` in a name stands for any characters. */
export interface HeaderRules {
  /** Null: all that begin with `x-`, and the user agent. */
  readonly includes: readonly string[] | null;
  readonly excludes: readonly string[];
}

const BY_DEFAULT = ["x-*", "user-agent"];

/** What must not end up in the database because of a `*`: only the whole name lets one of these through. */
const CREDENTIALS = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "x-api-key",
  "x-service-key",
  "x-tenant-id",
]);

/** Makes what picks the headers of a request that its runs get to see, by their names in lower case. */
export function createHeaderReader({ includes, excludes }: HeaderRules) {
  const included = (includes ?? BY_DEFAULT).map((pattern) => pattern.toLowerCase());
  const isIncluded = toMatcher(included);
  const isExcluded = toMatcher(excludes.map((pattern) => pattern.toLowerCase()));
  const isPassed = (name: string) =>
    isIncluded(name) &&
    !isExcluded(name) &&
    !isReservedKey(name) &&
    (!CREDENTIALS.has(name) || included.includes(name));

  return (headers: Headers): Readonly<Record<string, string>> =>
    Object.fromEntries([...headers].filter(([name]) => isPassed(name)));
}

function toMatcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map(
    (pattern) => new RegExp(`^${pattern.split("*").map(escapeExpression).join(".*")}$`),
  );
  return (name) => expressions.some((expression) => expression.test(name));
}

const escapeExpression = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
