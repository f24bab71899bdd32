/** The name of a project's containers, networks and volumes, unless one is given: `aegra-my-agent`. */
export function toProjectName(name: string): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return `aegra-${slug || "project"}`;
}
