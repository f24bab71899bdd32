import { basename } from "node:path";
import { ScaffoldError } from "./errors.ts";

/** What npm takes for the name of a new package, with or without a scope. */
const PACKAGE_NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;
const MAX_LENGTH = 214;
/** Names npm refuses although they look right. */
const RESERVED: readonly string[] = ["node_modules", "favicon.ico"];

/**
 * Says why `name` cannot name a package.
 *
 * @returns null when it can
 * @see npm's documentation of package.json, "name"
 */
export function findNameProblem(name: string): string | null {
  if (name === "") return "a name is needed";
  if (name.length > MAX_LENGTH) return `it is longer than ${MAX_LENGTH} characters`;
  if (RESERVED.includes(name)) return "npm reserves it";
  if (name !== name.toLowerCase()) return "it has capital letters";
  if (!PACKAGE_NAME.test(name)) {
    return "only letters, digits, - . _ ~ and a leading @scope/ are allowed, and it cannot start with . or _";
  }
  return null;
}

/** @throws ScaffoldError when `name` cannot name a package */
export function checkName(name: string): void {
  const problem = findNameProblem(name);
  if (problem === null) return;
  throw new ScaffoldError(`"${name}" cannot be the name of a project: ${problem}.`, [
    `Choose another one with --name, such as ${toName(name)}.`,
  ]);
}

/** A valid name made of the last part of a path: `/home/ada/My Agent` gives `my-agent`. */
export function toName(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._~-]+/g, "-")
    .replace(/^[._-]+/, "")
    .replace(/[._-]+$/, "")
    .slice(0, MAX_LENGTH);
  return findNameProblem(name) === null ? name : "my-agent";
}
