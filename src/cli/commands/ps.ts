import { Flags } from "@oclif/core";
import { isWell, listStack, type StackContainer } from "../../docker/stack/list-stack.ts";
import { BaseCommand } from "../base-command.ts";
import { CliError, EXIT } from "../errors.ts";
import { openStack } from "../stack/open-stack.ts";
import { stackFlags } from "../stack/stack-flags.ts";
import { toTable } from "../stack/to-table.ts";
import { toHost } from "../tasks/up.ts";

interface StackState {
  readonly project: string;
  readonly services: readonly StackContainer[];
  /** Null when no server is reachable. */
  readonly urls: { readonly api: string } | null;
}

export default class Ps extends BaseCommand {
  static override readonly summary = "List the containers of the stack, and how they are.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --output env >> .env.test",
    "<%= config.bin %> <%= command.id %> --check",
  ];
  static override readonly flags = {
    output: Flags.option({
      char: "o",
      summary: "What to print: a table, JSON, variables for an environment file, or names.",
      helpValue: "FORM",
      options: ["table", "json", "env", "name"] as const,
      default: "table" as const,
      env: "AEGRA_OUTPUT",
    })(),
    check: Flags.boolean({
      summary: "End with 26 unless there is a server, and all containers are well.",
      env: "AEGRA_CHECK",
    }),
    ...stackFlags,
  };

  override async run(): Promise<StackState> {
    const { flags } = await this.parse(Ps);
    const { connection, name } = await openStack(this.project(flags), flags);
    const services = await listStack(connection.docker, name);
    const port = services.find(({ service, state }) => service === "api" && state === "running")?.ports[0];
    const api =
      port === undefined ? null : `http://${toHost({ connection, bind: port.host })}:${port.hostPort}`;
    const found: StackState = { project: name, services, urls: api === null ? null : { api } };
    if (!this.jsonEnabled()) this.#print(found, flags.output);
    if (flags.check) check(found);
    return found;
  }

  #print(found: StackState, output: keyof typeof RENDERERS): void {
    const text = RENDERERS[output](found);
    if (text === "") this.status(`Nothing of ${found.project} is there; start it with aegra up.`);
    else this.log(text);
  }
}

/** Empty when there is nothing to print. */
const RENDERERS = {
  json: (found: StackState): string => JSON.stringify(found),
  name: ({ services }: StackState): string => services.map(({ name }) => name).join("\n"),
  env: ({ project, urls }: StackState): string =>
    [`AEGRA_PROJECT=${project}`, ...(urls === null ? [] : [`LANGGRAPH_API_URL=${urls.api}`])].join("\n"),
  table: ({ services }: StackState): string =>
    services.length === 0 ? "" : toTable([HEADINGS, ...services.map(toRow)]),
};

const HEADINGS = ["NAME", "STATE", "RESTARTS", "PORTS", "IMAGE"];

const toRow = (container: StackContainer): string[] => [
  container.name,
  toState(container),
  String(container.restarts),
  toPorts(container),
  container.image,
];

function toState({ service, state, health, exitCode, oom }: StackContainer): string {
  if (state === "running") return health ?? "running";
  if (service === "migrate" && exitCode === 0) return "done";
  return `${state} (${oom ? "out of memory" : exitCode})`;
}

const toPorts = ({ ports, state }: StackContainer): string =>
  state === "running"
    ? ports.map(({ host, hostPort, port }) => `${host}:${hostPort}→${port}`).join(", ")
    : "";

/** @throws CliError `STACK_UNWELL` */
function check({ project, services }: StackState): void {
  const unwell = services.filter((container) => !isWell(container));
  if (unwell.length === 0 && services.some(({ service }) => service === "api")) return;
  throw new CliError(
    unwell.length === 0
      ? `${project} has no server.`
      : `Not all of ${project} is well: ${unwell.map((each) => `${each.name} is ${toState(each)}`).join(", ")}.`,
    {
      code: "STACK_UNWELL",
      exitCode: EXIT.check,
      suggestions: ["aegra up starts what is missing, and says what is wrong."],
    },
  );
}
