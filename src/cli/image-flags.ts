import { Errors, Flags } from "@oclif/core";

/** The flags that decide what is in an image; `aegra build` and `aegra dockerfile` have them in common. */
export const imageFlags = {
  "base-image": Flags.string({
    summary: "Image with Node.js to start from.",
    helpValue: "IMAGE",
    default: "node:24-slim",
    env: "AEGRA_BASE_IMAGE",
  }),
  "install-command": Flags.string({
    summary: "Installs the dependencies, in place of the package manager's own command.",
    helpValue: "COMMAND",
    env: "AEGRA_INSTALL_COMMAND",
  }),
  "build-command": Flags.string({
    summary: "Compiles the project; otherwise the script build of package.json. Empty: nothing is compiled.",
    helpValue: "COMMAND",
    env: "AEGRA_BUILD_COMMAND",
  }),
  "build-arg": Flags.string({
    summary:
      "Argument for the two commands above; may be repeated. It is in the image's history: no secrets.",
    helpValue: "NAME=VALUE",
    multiple: true,
    multipleNonGreedy: true,
    env: "AEGRA_BUILD_ARG",
  }),
};

/**
 * Reads `NAME=VALUE` flags. From its variable oclif gives one text, not a list.
 *
 * @throws Errors.CLIError for one without a name or without "="
 */
export function toPairs(flag: string, given: readonly string[] | string | undefined): Record<string, string> {
  const pairs = [given ?? []].flat().map((pair): [string, string] => {
    const at = pair.indexOf("=");
    if (at < 1) throw new Errors.CLIError(`--${flag}: expected NAME=VALUE.`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}
