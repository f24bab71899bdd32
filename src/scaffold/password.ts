import { randomBytes } from "node:crypto";

/** A new password that needs no quoting in URLs, shells and .env files: 24 random bytes as base64url. */
export function createPassword(): string {
  return randomBytes(24).toString("base64url");
}
