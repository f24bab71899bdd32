import path from "node:path";
import { ImagePlanError } from "./errors.ts";
import { readIfThere } from "./package-tree.ts";

const CREDENTIAL = /^\s*(?:\/\/[^=]*:)?(?:_auth|_authToken|_password|username|certfile|keyfile)\s*=/m;

/**
 * The project's .npmrc when it holds credentials: it must not be in a layer, and installations still need it.
 * References to variables are replaced, as npm would.
 *
 * @param environment what the references mean
 * @returns null when there is none, or none that is secret
 */
export async function readSecretNpmrc(
  root: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Buffer | null> {
  const text = await readIfThere(path.join(root, ".npmrc"));
  if (text === null || !CREDENTIAL.test(text)) return null;
  return Buffer.from(text.replaceAll(/\$\{([^}]+)\}/g, (whole, name: string) => environment[name] ?? whole));
}

/**
 * Settings of the other package managers that would be copied into a layer must have no credentials.
 *
 * @throws ImagePlanError naming the file
 */
export async function refuseTokens(root: string): Promise<void> {
  for (const [file, pattern] of TOKENS) {
    const text = await readIfThere(path.join(root, file));
    if (text === null || !pattern.test(text)) continue;
    throw new ImagePlanError(`${file} holds a password or token, which would be in the image.`, [
      "Write a reference to an environment variable there, or keep it in a file of your home folder.",
      "Or leave the file out with a line in .dockerignore, and give it to the build: --secret id=NAME,src=FILE",
    ]);
  }
}

/** A value that is no reference to a variable. */
const TOKENS: readonly (readonly [string, RegExp])[] = [
  [".yarnrc.yml", /^\s*(?:npmAuthToken|npmAuthIdent):\s*["']?(?!\s*["']?\$\{)\S/m],
  ["bunfig.toml", /\b(?:token|password)\s*=\s*["'](?!\$)\S/],
];
