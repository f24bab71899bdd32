import { Errors } from "@oclif/core";
import type { Config } from "../../config/config.ts";
import { readDockerEnvironment } from "../../config/docker-environment.ts";
import { loadConfig } from "../../config/load.ts";
import { type DockerConnection, openDocker } from "../../docker/engine.ts";
import { configDirectoryOf } from "../../docker/find-endpoints.ts";
import { readRegistryLogin } from "../../docker/registry-login.ts";
import { BaseCommand } from "../base-command.ts";
import { CliError, EXIT } from "../errors.ts";
import { imageFlags, toPairs } from "../image-flags.ts";
import { isInteractive } from "../prompts.ts";
import { nameStack } from "../stack/open-stack.ts";
import { type Report, toPerform } from "../stack/perform.ts";
import { provideStackImage } from "../stack/provide-stack-image.ts";
import { logLinesFlag, readyTimeoutFlag, stackFlags, waitFlag } from "../stack/stack-flags.ts";
import { toContainerUrl } from "../stack/to-container-url.ts";
import { toScale, upFlags } from "../stack/up-flags.ts";
import { listenForStop } from "../stop-requests.ts";
import { bringUp, type RunningStack } from "../tasks/up.ts";

export default class Up extends BaseCommand {
  static override readonly summary = "Run the project in Docker, with a Postgres of its own.";
  static override readonly description =
    "Builds the image if the project has changed, creates the tables, and waits until the server answers. What is " +
    "running as it should is left alone; data stay. Stop it with aegra down.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --scale worker=2 --redis",
    "<%= config.bin %> <%= command.id %> --image registry.example.com/agent:1.4.0 --port auto --json",
  ];
  static override readonly flags = {
    ...upFlags,
    ...imageFlags,
    wait: waitFlag,
    timeout: readyTimeoutFlag,
    logs: logLinesFlag,
    ...stackFlags,
  };

  override async run(): Promise<RunningStack> {
    const { flags } = await this.parse(Up);
    const scale = toScale(flags.scale);
    if (flags.image !== undefined && flags.build === true) {
      throw new Errors.CLIError("--image and --build exclude each other: an image is given, or built.");
    }
    const project = this.project(flags);
    const config = await loadConfig(project);
    const buildArgs = toPairs("build-arg", flags["build-arg"]);
    const stop = listenForStop();
    try {
      const environment = readDockerEnvironment();
      const connection = await openDocker({ environment, context: flags.context });
      const findLogin = (registry: string) => readRegistryLogin(configDirectoryOf(environment), registry);
      const name = flags.project ?? (await this.#nameStack(connection, config));
      const image = {
        ...{ project, config, connection, findLogin, buildArgs, name, pull: flags.pull, stop: stop.signal },
        image: flags.image ?? null,
        build: flags.build ?? "if changed",
        baseImage: flags["base-image"],
        installCommand: flags["install-command"],
        buildCommand: flags["build-command"],
        aegraVersion: this.config.version,
        ownPackage: this.config.root,
        onWarning: (message: string) => this.warnUser(message),
      } as const;
      const stack = await bringUp({
        ...{ config, connection, findLogin, ...scale, project: name, envFiles: project.envFiles },
        provideImage: (report: Report) => provideStackImage(image, report),
        pull: flags.pull,
        port: flags.port,
        mayMovePort: isInteractive({ input: flags.input, json: this.jsonEnabled() }),
        bind: flags.bind,
        databaseUrl: this.#toContainerUrl("--database-url", flags["database-url"]),
        postgres: { image: flags["postgres-image"], port: flags["postgres-port"] ?? null },
        redis: this.#toRedis(flags),
        migrates: flags.migrate,
        memoryBytes: flags.memory ?? null,
        cpus: flags.cpus ?? null,
        restart: flags.restart,
        recreates: flags.recreate,
        removesOthers: flags["remove-orphans"],
        waits: flags.wait,
        timeoutSeconds: flags.timeout,
        logLines: flags.logs,
        stop: stop.signal,
        perform: toPerform({ silent: flags.quiet || this.jsonEnabled() }),
        onWarning: (message) => this.warnUser(message),
      });
      this.#tell(stack);
      return stack;
    } catch (error) {
      throw stop.signal.aborted ? stopped(error) : error;
    } finally {
      stop.dispose();
    }
  }

  async #nameStack(connection: DockerConnection, config: Config): Promise<string> {
    const { name, other } = await nameStack(connection, config);
    if (other !== null) {
      this.warnUser(
        `There is a stack of this name already, of ${other}: this one is ${name}, with data of its own.`,
      );
    }
    return name;
  }

  #toRedis(flags: {
    readonly redis: boolean;
    readonly "redis-image": string;
    readonly "redis-url": string | undefined;
  }) {
    const url = this.#toContainerUrl("--redis-url", flags["redis-url"]);
    if (url !== null) return { url };
    return flags.redis ? { image: flags["redis-image"] } : null;
  }

  #toContainerUrl(flag: string, url: string | undefined): string | null {
    if (url === undefined) return null;
    const { changed, url: inner } = toContainerUrl(url);
    if (changed) {
      this.warnUser(`In a container localhost is the container: ${flag} is used with host.docker.internal.`);
    }
    return inner;
  }

  #tell({ project, urls, changed, timings }: RunningStack): void {
    const seconds = (timings.totalMs / 1000).toFixed(1);
    this.status(changed ? `Up in ${seconds} s: ${project}` : `${project} is up, and nothing has changed.`);
    this.status(`  docs    ${urls.docs}\n  studio  ${urls.studio}\n  stop    aegra down`);
    this.log(urls.api);
  }
}

const stopped = (cause: unknown): CliError =>
  new CliError("Cancelled. What was started goes on.", {
    code: "CANCELLED",
    exitCode: EXIT.interrupted,
    suggestions: ["Remove it: aegra down"],
    cause,
  });
