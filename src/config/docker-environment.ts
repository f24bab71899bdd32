import { homedir } from "node:os";

/**
 * What the environment says about Docker; the names and their meaning are those of its own command line.
 * Null: not set, or empty.
 */
export function readDockerEnvironment(source: NodeJS.ProcessEnv = process.env) {
  const read = (name: string) => source[name]?.trim() || null;
  return {
    home: homedir(),
    host: read("DOCKER_HOST"),
    context: read("DOCKER_CONTEXT"),
    configDirectory: read("DOCKER_CONFIG"),
    certificateDirectory: read("DOCKER_CERT_PATH"),
    verifiesTls: read("DOCKER_TLS_VERIFY") !== null,
    runtimeDirectory: read("XDG_RUNTIME_DIR"),
    sshAgent: read("SSH_AUTH_SOCK"),
  };
}
