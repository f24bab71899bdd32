import { closest, distance } from "fastest-levenshtein";
import type { KeyPath } from "./problems.ts";
import { toConfigJsonSchema } from "./schema.ts";

/** One key of the configuration file; `*` stands for a name that the project chooses. */
interface KnownKey {
  readonly path: string;
  readonly description: string;
  /** Undefined when the key has none, or is an object whose keys have their own. */
  readonly defaultValue: unknown;
}

/** What of a JSON schema it takes to find its keys. */
interface SchemaNode {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
}

/** Keys of the hosted platform that files in the wild have. `*` is any name. */
const HOSTED_KEYS = new Set(
  `_INTERNAL_docker_tag api_version auth base_image checkpointer dependencies docker_compose_file
  dockerfile_lines encryption image_distro keep_pkg_tools node_version pip_config_file pip_installer
  python_version source ui ui_config webhooks
  http.app http.disable_a2a http.disable_assistants http.disable_mcp
  http.disable_meta http.disable_runs http.disable_store http.disable_threads http.disable_ui
  http.disable_webhooks http.enable_custom_route_auth http.logging_headers http.middleware_order
  http.mount_prefix store.index store.scopes store.ttl.sweep_interval_minutes`.split(/\s+/),
);

/** What it means for a project that a key has no effect, where that is more than it seems. */
const CONSEQUENCES: Readonly<Record<string, string>> = {
  auth: "requests are not authenticated",
  "store.index": "semantic search is not available in this version",
};

/** Lists every key that the configuration file may have, in the order of the schema. */
export function listKnownKeys(): KnownKey[] {
  return listKeysOf(toConfigJsonSchema() as SchemaNode, []);
}

function listKeysOf(node: SchemaNode, above: readonly string[]): KnownKey[] {
  const named = Object.entries(node.properties ?? {});
  const chosen =
    typeof node.additionalProperties === "object" ? [["*", node.additionalProperties] as const] : [];
  const children = [...named, ...chosen].flatMap(([key, child]) => {
    const below = listKeysOf(child, [...above, key]);
    const isGroup = below.length > 0;
    return [
      {
        path: [...above, key].join("."),
        description: child.description ?? "",
        defaultValue: isGroup ? undefined : child.default,
      },
      ...below,
    ];
  });
  return [...children, ...(node.anyOf ?? []).flatMap((shape) => listKeysOf(shape, above))];
}

/** True for a key that the hosted platform acts on and this server does not. */
export function isHostedKey(path: KeyPath): boolean {
  return HOSTED_KEYS.has(path.join("."));
}

/** What follows from a key having no effect; null when it is only that. */
export function findConsequence(path: KeyPath): string | null {
  return CONSEQUENCES[path.join(".")] ?? null;
}

/** Says which key may have been meant by one that is not known. */
export function suggestKey(path: KeyPath): string {
  const key = String(path.at(-1));
  const known = listKnownKeys().map((each) => each.path.split("."));
  const siblings = known.filter((each) => isBeside(each, path)).map((each) => String(each.at(-1)));
  const nearest = siblings.length === 0 ? null : closest(key, siblings);
  if (nearest !== null && distance(key, nearest) <= Math.max(2, key.length / 3)) {
    return `did you mean "${nearest}"?`;
  }
  const elsewhere = known.find((each) => each.at(-1) === key);
  if (elsewhere !== undefined) return `did you mean "${elsewhere.join(".")}"?`;
  return `the keys here are ${siblings.join(", ")}`;
}

function isBeside(known: readonly string[], path: KeyPath): boolean {
  return (
    known.length === path.length &&
    known.at(-1) !== "*" &&
    known.slice(0, -1).every((segment, index) => segment === "*" || segment === path[index])
  );
}
