const NODE_BYTES = 16;

/** About how much memory a JSON value takes, in bytes. It is not written out for that. */
export function sizeOfJson(value: unknown): number {
  let bytes = 0;
  // Not recursive: nesting is limited by nothing here.
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    bytes += NODE_BYTES;
    if (typeof next === "string") bytes += next.length;
    if (typeof next !== "object" || next === null) continue;
    for (const [key, item] of Object.entries(next)) {
      bytes += key.length;
      left.push(item);
    }
  }
  return bytes;
}
