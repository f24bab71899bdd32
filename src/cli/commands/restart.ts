import { Args } from "@oclif/core";
import { joinErrors, type Waiting } from "../../docker/stack/bring-up.ts";
import { StackError } from "../../docker/stack/errors.ts";
import { listStack, type StackContainer } from "../../docker/stack/list-stack.ts";
import { restartContainer } from "../../docker/stack/restart-stack.ts";
import { BaseCommand } from "../base-command.ts";
import { cancelled } from "../prompts.ts";
import { openStack } from "../stack/open-stack.ts";
import { toPerform } from "../stack/perform.ts";
import { logLinesFlag, readyTimeoutFlag, stackFlags, waitFlag } from "../stack/stack-flags.ts";
import { listenForStop } from "../stop-requests.ts";
import { toHost } from "../tasks/up.ts";

interface RestartedStack {
  readonly project: string;
  readonly services: readonly StackContainer[];
}

const GRACE_S = 30;

export default class Restart extends BaseCommand {
  static override readonly summary = "Restart containers of the stack, and wait until they are ready.";
  static override readonly description =
    "Without names, the servers: api and worker. What has changed in the project or in flags takes aegra up.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> worker",
  ];
  static override readonly strict = false;
  static override readonly args = {
    service: Args.string({ description: "Services to restart, such as api; several may be given." }),
  };
  static override readonly flags = {
    wait: waitFlag,
    timeout: readyTimeoutFlag,
    logs: logLinesFlag,
    ...stackFlags,
  };

  override async run(): Promise<RestartedStack> {
    const { flags, argv } = await this.parse(Restart);
    const { connection, name } = await openStack(this.project(flags), flags);
    const { docker } = connection;
    const chosen = choose(await listStack(docker, name), argv as string[], name);
    const perform = toPerform({ silent: flags.quiet || this.jsonEnabled() });
    const stop = listenForStop();
    const seconds = flags.timeout;
    const waiting: Waiting = { stop: stop.signal, deadline: AbortSignal.timeout(seconds * 1000), seconds };
    try {
      for (const service of new Set(chosen.map((each) => each.service))) {
        const jobs = chosen
          .filter((each) => each.service === service)
          .map((each) => ({
            title: each.name,
            run: async () => {
              const port = each.service === "api" ? each.ports[0] : undefined;
              const url =
                port === undefined
                  ? null
                  : `http://${toHost({ connection, bind: port.host })}:${port.hostPort}`;
              const diagnosis = { lines: flags.logs, secrets: [] };
              await restartContainer(docker, each, {
                waits: flags.wait,
                url,
                graceSeconds: GRACE_S,
                waiting,
                diagnosis,
              });
              return "restarted";
            },
          }));
        const errors = await perform(jobs);
        if (errors.length > 0) throw joinErrors(errors);
      }
    } catch (error) {
      throw stop.signal.aborted ? cancelled(error) : error;
    } finally {
      stop.dispose();
    }
    return { project: name, services: await listStack(docker, name) };
  }
}

const SERVERS = ["api", "worker"];

/** @throws StackError `SERVICE_MISSING` for one that the stack has not */
function choose(
  present: readonly StackContainer[],
  named: readonly string[],
  project: string,
): StackContainer[] {
  const wanted = named.length > 0 ? named : SERVERS;
  const services = [...new Set(present.map(({ service }) => service))].filter((name) => name !== "migrate");
  const missing = named.find((name) => !services.includes(name));
  if (missing === undefined && services.length > 0)
    return present.filter(({ service }) => wanted.includes(service));
  throw new StackError(
    services.length === 0 ? `Nothing of ${project} is there.` : `${project} has no service ${missing}.`,
    {
      code: "SERVICE_MISSING",
      suggestions: [services.length === 0 ? "Start it: aegra up" : `It has ${services.join(", ")}.`],
    },
  );
}
