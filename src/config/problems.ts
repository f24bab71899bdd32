import type { z } from "zod";

/** Keys and indexes from the top of the file to a value. */
export type KeyPath = readonly PropertyKey[];

/** What is wrong at one place of a configuration file. */
export type Problem =
  | { readonly kind: "unknown_key"; readonly path: KeyPath }
  | { readonly kind: "wrong_key"; readonly path: KeyPath; readonly expected: string }
  | { readonly kind: "wrong_value"; readonly path: KeyPath; readonly expected: string };

type Issue = z.core.$ZodIssue;

/** Turns zod's nested issues into a flat list: one entry per place a person has to look at. */
export function toProblems(issues: readonly Issue[], above: KeyPath = []): Problem[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key): Problem => ({ kind: "unknown_key", path: [...path, key] }));
    }
    if (issue.code === "invalid_key") {
      return issue.issues.map((inner): Problem => ({ kind: "wrong_key", path, expected: inner.message }));
    }
    if (issue.code === "invalid_union") return toUnionProblems(issue.errors, path);
    const expected =
      issue.code === "invalid_type" ? `expected ${withArticle(issue.expected)}` : issue.message;
    return [{ kind: "wrong_value", path, expected }];
  });
}

/** Of several allowed shapes only the one that was meant is worth explaining: the one whose type fits. */
function toUnionProblems(shapes: readonly (readonly Issue[])[], path: KeyPath): Problem[] {
  const meant = shapes.find((issues) => !issues.some(isAboutType));
  if (meant !== undefined) return toProblems(meant, path);
  const types = shapes.flatMap((issues) =>
    issues.flatMap((issue) => (issue.code === "invalid_type" ? [withArticle(issue.expected)] : [])),
  );
  return [{ kind: "wrong_value", path, expected: `expected ${joinWithOr(types)}` }];
}

function isAboutType(issue: Issue): boolean {
  return issue.path.length === 0 && issue.code === "invalid_type";
}

function withArticle(type: string): string {
  if (type === "record") return "an object";
  if (type === "array") return "a list";
  return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function joinWithOr(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), ...words.slice(-1)].filter((part) => part !== "").join(" or ");
}

/** Writes a path as one would in code: `http.cors.allow_origins[0]`, `graphs["my graph"]`. */
export function toPathText(path: KeyPath): string {
  const text = path.reduce<string>((before, key) => {
    if (typeof key === "number") return `${before}[${key}]`;
    const name = String(key);
    return /^[\w$-]+$/.test(name) ? `${before}.${name}` : `${before}[${JSON.stringify(name)}]`;
  }, "");
  return text.replace(/^\./, "");
}

/** Says what stands at a path, short enough for a message. */
export function describeValueAt(data: unknown, path: KeyPath): string {
  const value = path.reduce<unknown>(
    (parent, key) => (typeof parent === "object" && parent !== null ? Reflect.get(parent, key) : undefined),
    data,
  );
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) {
    return Object.keys(value).length === 0 ? "an empty object" : "an object";
  }
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
