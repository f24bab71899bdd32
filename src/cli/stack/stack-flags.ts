import { Errors, Flags } from "@oclif/core";

/** The flags that say which stack is meant; all commands about one have them. */
export const stackFlags = {
  project: Flags.custom<string>({
    summary: "Name of the stack; otherwise that of the project.",
    helpValue: "NAME",
    env: "AEGRA_PROJECT",
    parse: async (name) => {
      if (/^[a-z0-9][a-z0-9_-]*$/.test(name)) return name;
      throw new Errors.CLIError(`expected lower-case letters, digits, - and _; found "${name}".`);
    },
  })(),
  context: Flags.string({
    summary: "Docker context to use, in place of DOCKER_HOST and the current one.",
    helpValue: "NAME",
    env: "AEGRA_CONTEXT",
  }),
};

export const readyTimeoutFlag = Flags.integer({
  summary: "Seconds in which the containers have to become ready, once their images are there.",
  helpValue: "SECONDS",
  default: 120,
  min: 1,
  max: 86_400,
  env: "AEGRA_TIMEOUT",
});

export const waitFlag = Flags.boolean({
  summary: "Wait until the containers are ready.",
  allowNo: true,
  default: true,
  env: "AEGRA_WAIT",
});

export const logLinesFlag = Flags.integer({
  summary: "Lines to show of a container that has failed.",
  helpValue: "N",
  default: 20,
  min: 0,
  max: 1000,
  env: "AEGRA_LOGS",
});
