import { Args, type Config, Errors, Flags } from "@oclif/core";
import { readDockerEnvironment } from "../../config/docker-environment.ts";
import { openDocker } from "../../docker/engine.ts";
import type { LogQuery } from "../../docker/logs/open-logs.ts";
import { BaseCommand } from "../base-command.ts";
import { contextFlag, projectFlag } from "../docker-flags.ts";
import { findDockerProject } from "../find-docker-project.ts";
import { LEVELS } from "../logs/log-record.ts";
import { parseMoment } from "../logs/parse-moment.ts";
import { cancelled } from "../prompts.ts";
import { listenForStop } from "../stop-requests.ts";

/** Who follows wants to see what happens; what has happened is for the context. */
const FOLLOWED_TAIL = 100;

const momentFlag = Flags.custom<string>({
  helpValue: "TIME",
  parse: async (text) => {
    const moment = parseMoment(text, Date.now());
    if (moment === null) {
      throw new Errors.CLIError(`expected a duration (10m), a time or seconds since 1970; found "${text}".`);
    }
    return moment;
  },
});

export default class Logs extends BaseCommand {
  static override readonly summary = "Show what the project's containers have written.";
  static override readonly description =
    "The lines of all containers, in order of time. With --follow it goes on, across restarts of the containers and " +
    "of Docker, each line once; Ctrl-C ends it.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %> --follow",
    "<%= config.bin %> <%= command.id %> api worker --since 10m --level warn",
    "<%= config.bin %> <%= command.id %> --run 1f0c8a2e --json",
  ];
  static override readonly strict = false;
  static override readonly args = {
    service: Args.string({
      name: "SERVICE",
      description: "Services to show; otherwise all.",
      multiple: true,
    }),
  };
  static override readonly flags = {
    follow: Flags.boolean({
      char: "f",
      summary: "Go on with what is written from now on.",
      env: "AEGRA_FOLLOW",
    }),
    tail: Flags.custom<number | "all">({
      char: "n",
      summary:
        "Show the last N lines of each container that are wanted, or all; with --follow 100 unless --since is given.",
      helpValue: "N",
      env: "AEGRA_TAIL",
      parse: async (text) => {
        if (text !== "all" && !/^\d{1,9}$/.test(text)) {
          throw new Errors.CLIError(`expected a number of lines or all; found "${text}".`);
        }
        return text === "all" ? text : Number(text);
      },
    })(),
    since: momentFlag({
      summary: "Show what was written since then: 10m (ago), a time, or seconds since 1970.",
      env: "AEGRA_SINCE",
    }),
    until: momentFlag({
      summary: "Show what was written until then.",
      env: "AEGRA_UNTIL",
      exclusive: ["follow"],
    }),
    previous: Flags.boolean({
      summary: "Show what was written before the last start of each container.",
      exclusive: ["follow", "until"],
      env: "AEGRA_PREVIOUS",
    }),
    level: Flags.option({
      summary: "Show lines of this level and graver ones.",
      helpValue: "LEVEL",
      options: LEVELS,
      env: "AEGRA_LEVEL",
    })(),
    grep: Flags.string({
      summary: "Show lines that match this regular expression.",
      helpValue: "PATTERN",
      env: "AEGRA_GREP",
    }),
    "ignore-case": Flags.boolean({
      char: "i",
      summary: "Let --grep match upper and lower case.",
      dependsOn: ["grep"],
      env: "AEGRA_IGNORE_CASE",
    }),
    run: Flags.string({
      summary: "Show what the server says about this run: its id, or how it begins.",
      helpValue: "ID",
      env: "AEGRA_RUN",
    }),
    thread: Flags.string({
      summary: "Show what the server says about runs of this thread: its id, or how it begins.",
      helpValue: "ID",
      env: "AEGRA_THREAD",
    }),
    stream: Flags.option({
      summary: "Show one of the two streams, or both.",
      helpValue: "STREAM",
      options: ["stdout", "stderr", "both"] as const,
      default: "both" as const,
      env: "AEGRA_STREAM",
    })(),
    index: Flags.integer({
      summary: "Show one container of each service, by its number.",
      helpValue: "N",
      min: 1,
      env: "AEGRA_INDEX",
    }),
    format: Flags.option({
      summary: "How to write lines: put into words, as they are, or as JSON like --json.",
      helpValue: "FORMAT",
      options: ["pretty", "raw", "json"] as const,
      default: "pretty" as const,
      env: "AEGRA_FORMAT",
    })(),
    timestamps: Flags.option({
      char: "t",
      summary: "Begin lines with the time: iso (when none is given), local or relative.",
      helpValue: "[FORM]",
      options: ["iso", "local", "relative"] as const,
      env: "AEGRA_TIMESTAMPS",
    })(),
    prefix: Flags.boolean({
      summary: "Begin lines with the name of the container.",
      allowNo: true,
      default: true,
      env: "AEGRA_PREFIX",
    }),
    merge: Flags.boolean({
      summary: "Put the lines of all containers in order of time.",
      allowNo: true,
      default: true,
      env: "AEGRA_MERGE",
    }),
    "exit-on-stop": Flags.boolean({
      summary: "With --follow: end when none of the containers runs any more.",
      dependsOn: ["follow"],
      env: "AEGRA_EXIT_ON_STOP",
    }),
    project: projectFlag,
    context: contextFlag,
  };

  constructor(argv: string[], config: Config) {
    super(withTimestampForms(argv), config);
  }

  override async run(): Promise<void> {
    const { flags, argv } = await this.parse(Logs);
    const grep = toPattern(flags.grep, flags["ignore-case"]);
    const stop = listenForStop();
    try {
      const { docker } = await openDocker({ environment: readDockerEnvironment(), context: flags.context });
      const { runLogs } = await import("../logs/run-logs.ts");
      await runLogs({
        docker,
        selection: {
          project: await findDockerProject(docker, this.project(flags), flags.project),
          services: argv as string[],
          index: flags.index ?? null,
        },
        wishes: { level: flags.level ?? null, grep, run: flags.run ?? null, thread: flags.thread ?? null },
        query: toQuery(flags),
        ...{ follow: flags.follow, exitOnStop: flags["exit-on-stop"], merge: flags.merge },
        previous: flags.previous,
        format: this.jsonEnabled() ? "json" : flags.format,
        timestamps: flags.timestamps ?? null,
        hasPrefix: flags.prefix,
        signal: stop.signal,
        onStatus: (line) => this.status(line),
        onWarning: (message) => this.warnUser(message),
      });
      // To follow has no other end: there it is the answer, not a cancellation.
      if (stop.signal.aborted && !flags.follow) throw cancelled();
    } catch (error) {
      throw stop.signal.aborted ? cancelled(error) : error;
    } finally {
      stop.dispose();
    }
  }
}

interface QueryFlags {
  readonly stream: "stdout" | "stderr" | "both";
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly tail: number | "all" | undefined;
  readonly follow: boolean;
}

const toQuery = ({ stream, since, until, tail, follow }: QueryFlags): LogQuery => ({
  stdout: stream !== "stderr",
  stderr: stream !== "stdout",
  since: since ?? null,
  until: until ?? null,
  tail: tail ?? (follow && since === undefined ? FOLLOWED_TAIL : "all"),
});

const BARE = /^(--timestamps|-(?=[a-z]*t$)[fi]*t)$/;

/** oclif knows no flag whose value may be left out: the default is put in its place. */
function withTimestampForms(argv: readonly string[]): string[] {
  return argv.flatMap((word, index) => {
    if (!BARE.test(word) || /^(iso|local|relative)$/.test(argv[index + 1] ?? "")) return [word];
    const others = word.startsWith("--") ? "" : word.slice(1, -1);
    return [...(others === "" ? [] : [`-${others}`]), "--timestamps=iso"];
  });
}

function toPattern(pattern: string | undefined, ignoresCase: boolean): RegExp | null {
  if (pattern === undefined) return null;
  try {
    return new RegExp(pattern, ignoresCase ? "iu" : "u");
  } catch (cause) {
    throw new Errors.CLIError(`--grep: ${(cause as Error).message}`);
  }
}
