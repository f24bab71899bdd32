/**
 * Whether a client wants to hear only that a change was made, not what came of it.
 * @param prefer the header `Prefer`; of preferences that are repeated the first counts
 * @see RFC 7240
 */
export function prefersMinimal(prefer: string | undefined): boolean {
  const preferences = (prefer ?? "").split(",").map((preference) => {
    const [token = ""] = preference.split(";");
    const [name = "", value = ""] = token.split("=").map((part) => part.trim().toLowerCase());
    return { name, value: value.replaceAll('"', "") };
  });
  return preferences.find(({ name }) => name === "return")?.value === "minimal";
}
