import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Where the sources of an image stand in git. */
export interface SourceRevision {
  /** The whole hash. */
  readonly commit: string;
  /** Whether there are changes that are in no commit. */
  readonly isDirty: boolean;
  /** Environment files that git has, and that everyone with the repository can read. */
  readonly trackedSecrets: readonly string[];
}

/** @returns null when the folder is in no repository, or git is not installed */
export async function readSourceRevision(folder: string): Promise<SourceRevision | null> {
  const git = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)("git", args, { cwd: folder });
    return stdout.trim();
  };
  try {
    const commit = await git("rev-parse", "HEAD");
    const changes = await git("status", "--porcelain", "--", ".");
    const tracked = await git("ls-files", "--", ".env", ".env.*", "**/.env", "**/.env.*");
    return {
      commit,
      isDirty: changes !== "",
      trackedSecrets: tracked.split("\n").filter((file) => file !== "" && !file.endsWith(".env.example")),
    };
  } catch {
    // Git says so by failing, whether it is not there, has no commit yet, or does not trust the folder.
    return null;
  }
}
