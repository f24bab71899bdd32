/**
 * How the package manager that started this process introduces itself, such as `pnpm/11.1.0 npm/? node/v24.4.0`.
 *
 * @returns null when no package manager started it
 */
export function readUserAgent(): string | null {
  return process.env["npm_config_user_agent"] ?? null;
}
