import { access, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import type { Config } from "../../config/config.ts";
import { type Environment, readEnvironment } from "../../config/environment.ts";
import { listMissingVariables } from "../../config/list-missing-variables.ts";
import { loadConfig } from "../../config/load.ts";
import { loadEnvFiles } from "../../config/load-env.ts";
import { copyEnvironment } from "../../config/process-environment.ts";
import type { ProjectRequest } from "../base-command.ts";
import { findLangGraph } from "../find-langgraph.ts";
import { planProjectImage } from "../plan-project-image.ts";
import { atWorst, type CheckResult, fail, ok, runCheck, skip, warn } from "./check.ts";

export interface ProjectFacts {
  readonly checks: readonly CheckResult[];
  /** Null when they cannot be read. */
  readonly config: Config | null;
  readonly environment: Environment | null;
}

interface ImageOptions {
  readonly aegraVersion: string;
  readonly baseImage: string;
}

const NO_CONFIG = "the configuration cannot be read";

/** Checks what is on this machine of a project, without Docker and without running its code. */
export async function checkProject(project: ProjectRequest, options: ImageOptions): Promise<ProjectFacts> {
  let config: Config | null = null;
  let environment: Environment | null = null;
  const checks = [
    await runCheck("node", () => ok(`Node.js ${process.versions.node}`)),
    await runCheck("config", async () => {
      config = await loadConfig(project);
      const [warning] = config.warnings;
      return warning === undefined ? ok(config.file) : warn(config.warnings.join(" "));
    }),
  ];
  const known = config as Config | null;
  checks.push(
    await runCheck("graphs", () => (known === null ? skip(NO_CONFIG) : checkGraphs(known))),
    await runCheck("langgraph", () => checkLangGraph(project)),
    await runCheck("aegra", () =>
      known === null ? skip(NO_CONFIG) : checkOwnVersion(known, options.aegraVersion),
    ),
    await runCheck("environment", () => {
      if (known === null) return skip(NO_CONFIG);
      const variables = copyEnvironment();
      const warnings = loadEnvFiles(known, project.envFiles, variables);
      environment = readEnvironment(variables);
      const missing = listMissingVariables(known.root, variables);
      if (missing.length === 0) return warnings[0] === undefined ? ok("read") : warn(warnings.join(" "));
      return warn(
        `.env.example has what is not set: ${missing.join(", ")}`,
        "Set it in .env, or leave it out of .env.example.",
      );
    }),
    atWorst("warn", await runCheck("image", () => checkImage(project, known, options))),
    await runCheck("certificates", checkCertificates),
  );
  return { checks, config: known, environment };
}

/** A project that cannot be made into an image can be served all the same, which is why this is a warning at worst. */
async function checkImage(project: ProjectRequest, config: Config | null, options: ImageOptions) {
  if (config === null) return skip(NO_CONFIG);
  const asked = { installCommand: undefined, buildCommand: undefined, buildArgs: {}, secrets: new Map() };
  const { plan } = await planProjectImage(project, { ...asked, ...options, runtimeSource: "packed" });
  const { name, lockfile } = plan.dockerfile.manager;
  if (plan.warnings.length > 0) return warn(plan.warnings.join(" "));
  return ok(`${name}, ${lockfile ?? "no lock file"}, ${plan.context.files.length} files`);
}

async function checkGraphs({ graphs }: Config) {
  const missing: string[] = [];
  for (const { file, written } of Object.values(graphs)) {
    await access(file).catch(() => missing.push(written));
  }
  const count = Object.keys(graphs).length;
  return missing.length === 0
    ? ok(`${count} of ${count} have their file`)
    : fail(`there is no file of ${missing.join(", ")}`, "Correct the paths in the configuration.");
}

async function checkLangGraph(project: ProjectRequest) {
  const found = await findLangGraph(project);
  return found === null
    ? fail("@langchain/langgraph is not installed here", "Install the dependencies of the project.")
    : ok(`@langchain/langgraph ${found.version}`);
}

async function checkOwnVersion({ root }: Config, cliVersion: string) {
  const version = await readInstalledVersion(root);
  if (version === null) {
    return warn(
      `this is aegra ${cliVersion}, and the project has none`,
      `Add it, so that images have the version you have tried: npm install aegra@${cliVersion}`,
    );
  }
  return version === cliVersion
    ? ok(`aegra ${version}`)
    : warn(`this is aegra ${cliVersion}, and the project has ${version}`, "Run the project's own: npx aegra");
}

async function readInstalledVersion(root: string): Promise<string | null> {
  try {
    const manifest = createRequire(join(root, "package.json")).resolve("aegra/package.json");
    return (JSON.parse(await readFile(manifest, "utf8")) as { version: string }).version;
  } catch {
    // Not installed: the answer.
    return null;
  }
}

async function checkCertificates() {
  const { NODE_EXTRA_CA_CERTS: file, HTTPS_PROXY, https_proxy } = copyEnvironment();
  const proxy = HTTPS_PROXY ?? https_proxy;
  // Its address may hold a password.
  const proxyText = proxy === undefined ? "no proxy" : "a proxy";
  if (file === undefined || file === "") return ok(`${proxyText}, no authority of your own`);
  try {
    await access(file);
  } catch {
    return warn(`NODE_EXTRA_CA_CERTS names ${file}, which cannot be read`, "Correct or unset it.");
  }
  return ok(`${proxyText}, the authorities of ${file} (for builds: --ca-cert)`);
}
