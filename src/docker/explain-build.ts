import { BuildError } from "./errors.ts";

/** Lines of a step that are shown. */
const SHOWN_LINES = 15;

/** Puts the end of a failed build into words. @param step null when it failed before the first one */
export function explainBuild(reason: string, step: string | null, lines: readonly string[]): BuildError {
  const shown = lines.filter((line) => line.trim() !== "").slice(-SHOWN_LINES);
  const text = `${reason}\n${lines.join("\n")}`;
  const hint = HINTS.find(({ pattern }) => pattern.test(text));
  const what =
    step === null
      ? `The image could not be built: ${toReason(reason)}`
      : `The image could not be built: ${toReason(reason)} from ${step}`;
  const message = [what, ...shown.map((line) => `  | ${line}`)].join("\n");
  return new BuildError(message, { step, lines: shown }, hint?.suggestions ?? []);
}

/** BuildKit repeats the whole command in front of its exit code. */
const toReason = (reason: string): string => {
  const code = /(?:exit code: |returned a non-zero code: )(\d+)\s*$/.exec(reason)?.[1];
  return code === undefined ? reason.trim() : `exit code ${code}`;
};

const HINTS: readonly { readonly pattern: RegExp; readonly suggestions: readonly string[] }[] = [
  {
    pattern: /ERR_PNPM_IGNORED_BUILDS/,
    suggestions: [
      "Say of each package whether it may run code, and commit pnpm-workspace.yaml: pnpm approve-builds",
    ],
  },
  {
    pattern:
      /can only install packages when your package\.json and|ERR_PNPM_OUTDATED_LOCKFILE|lockfile needs to be updated|lockfile had changes|YN0028/,
    suggestions: [
      "The lock file does not fit package.json: install once more on your machine, and commit the lock file.",
    ],
  },
  {
    pattern: /SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF|self.signed certificate/i,
    suggestions: [
      "Your network signs certificates itself: give its authority to the build with --ca-cert FILE.",
    ],
  },
  {
    pattern: /\b(?:E401|E403|401 Unauthorized|403 Forbidden|ERR_PNPM_FETCH_40[13])\b/,
    suggestions: ["The registry wants a login: --secret id=npmrc,src=$HOME/.npmrc"],
  },
  {
    pattern: /\bE404\b|ERR_PNPM_FETCH_404|No matching version|ETARGET/,
    suggestions: ["A package or version is on no registry that the build can see; see the name above."],
  },
  {
    pattern: /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|Temporary failure resolving|Could not resolve/,
    suggestions: [
      "The steps of a build cannot reach the network: check the DNS and proxy of Docker, or try --network host.",
    ],
  },
  {
    pattern: /no space left on device|ENOSPC/i,
    suggestions: ["The disk of Docker is full: docker system prune"],
  },
  {
    pattern: /node-gyp|gyp ERR|not found: make|python3?.*not found/i,
    suggestions: ["A package compiles C++: use a base image with a compiler, such as --base-image node:24"],
  },
  {
    pattern: /heap out of memory|exit code: 137|code: 137/,
    suggestions: ["The step ran out of memory: give Docker more of it."],
  },
  {
    pattern:
      /pull access denied|manifest unknown|failed to resolve source metadata|repository does not exist|not found: manifest/,
    suggestions: [
      "Check the name of the base image (--base-image), and docker login if its registry asks for it.",
    ],
  },
];
