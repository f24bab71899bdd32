/** Deeper bodies are not data but an attack on whoever walks them recursively, Postgres included. */
const MAX_DEPTH = 100;

interface Problem {
  readonly path: string;
  readonly message: string;
}

interface Place {
  readonly value: unknown;
  readonly path: readonly string[];
}

/**
 * Finds what makes a JSON value unfit to be stored or worked with, although it is valid JSON.
 * @returns where and what, or null
 */
export function findJsonProblem(root: unknown): Problem | null {
  // A list instead of recursion: the depth is what has to be found out.
  const waiting: Place[] = [{ value: root, path: [] }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const message = findProblemAt(place);
    if (message !== null) return { path: shortPath(place.path), message };
    if (typeof place.value !== "object" || place.value === null) continue;
    for (const [key, value] of Object.entries(place.value))
      waiting.push({ value, path: [...place.path, key] });
  }
  return null;
}

function findProblemAt({ value, path }: Place): string | null {
  if (typeof value === "string") return findTextProblem(value);
  // What JSON.parse makes of 1e400; it would be stored as null.
  if (value === Infinity || value === -Infinity) return "is a number that is too large";
  if (typeof value !== "object" || value === null) return null;
  if (path.length >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
  if (isForeignInstance(value as Readonly<Record<string, unknown>>)) {
    return "is LangChain's serialization of something that is not a message";
  }
  const problems = Object.keys(value).map(findKeyProblem);
  return problems.find((problem) => problem !== null) ?? null;
}

/** Messages are sent this way by JavaScript clients: it is what `JSON.stringify` makes of them. */
const MESSAGE_CLASS = /^(Human|AI|System|Tool|Function|Chat|Remove)Message(Chunk)?$/;

/** LangGraph would make an instance of it when it reads the state, of any class it knows, with the client's arguments. */
function isForeignInstance({ lc, type, id }: Readonly<Record<string, unknown>>): boolean {
  if (lc === 2) return type === "constructor" || type === "undefined" || type === "delta_snapshot";
  if (lc !== 1 || type !== "constructor" || !Array.isArray(id)) return false;
  return !MESSAGE_CLASS.test(String(id.at(-1)));
}

const shortPath = (path: readonly string[]): string =>
  path.length > 5 ? `${path.slice(0, 5).join(".")}…` : path.join(".");

/** What Postgres refuses in text and jsonb. */
export function findTextProblem(text: string): string | null {
  if (text.includes("\0")) return "contains a NUL character";
  return text.isWellFormed() ? null : "contains an unpaired surrogate";
}

function findKeyProblem(key: string): string | null {
  if (key === "__proto__") return "has a key '__proto__'";
  const problem = findTextProblem(key);
  return problem === null ? null : `has a key that ${problem}`;
}
