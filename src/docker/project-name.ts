import { createHash } from "node:crypto";

/** The names that a project can have in Docker, when none is given. */
export interface ProjectNames {
  /** `aegra-my-agent`. */
  readonly plain: string;
  /** With a hash of its folder, for a second checkout of the same project. */
  readonly own: string;
}

/** @param root the folder of the project's configuration */
export function toProjectNames({
  name,
  root,
}: {
  readonly name: string;
  readonly root: string;
}): ProjectNames {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  const plain = `aegra-${slug || "project"}`;
  return { plain, own: `${plain}-${createHash("sha256").update(root).digest("hex").slice(0, 6)}` };
}
