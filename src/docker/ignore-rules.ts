/** Rules in the language of `.dockerignore`; the last one that fits a path decides. */
export type IgnoreRules = readonly IgnoreRule[];

interface IgnoreRule {
  readonly pattern: RegExp;
  /** A rule with `!` brings back what an earlier one has left out. */
  readonly brings: boolean;
}

/** Reads rules, one a line; `#` begins a comment. */
export function parseIgnoreRules(text: string): IgnoreRules {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .filter((line) => !line.startsWith("#"))
    .flatMap((line) => toRule(line.trim()) ?? []);
}

/** Whether a path, or a folder that it is in, is left out. @param path relative, with `/` */
export function isIgnored(rules: IgnoreRules, path: string): boolean {
  const folders = path.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"));
  let ignored = false;
  for (const { pattern, brings } of rules) {
    if (ignored === brings && folders.some((folder) => pattern.test(folder))) ignored = !brings;
  }
  return ignored;
}

/** Whether something below a folder that is left out may be brought back. */
export const hasExceptions = (rules: IgnoreRules): boolean => rules.some(({ brings }) => brings);

function toRule(line: string): IgnoreRule | null {
  const brings = line.startsWith("!");
  const path = line
    .slice(brings ? 1 : 0)
    .trim()
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
  return path === "" ? null : { pattern: toPattern(path), brings };
}

/** `**` stands for any number of folders, `*` and `?` for characters of one name. */
function toPattern(path: string): RegExp {
  const source = path.replaceAll(/\*\*\/|\*\*|\*|\?|\[[^\]/]*\]|\\.|[.+^${}()|[\]\\]/g, (token) => {
    if (token === "**/") return "(?:.*/)?";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    if (token.startsWith("[") && token.length > 2) return token.replace("[!", "[^");
    return token.startsWith("\\") && token.length === 2 ? `\\${token[1]}` : `\\${token}`;
  });
  return new RegExp(`^${source}$`, "s");
}
