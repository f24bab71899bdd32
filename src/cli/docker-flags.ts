import { Errors, Flags } from "@oclif/core";

export const projectFlag = Flags.custom<string>({
  summary: "Name of the project in Docker; otherwise that of the project here.",
  helpValue: "NAME",
  env: "AEGRA_PROJECT",
  parse: async (name) => {
    if (/^[a-z0-9][a-z0-9_-]*$/.test(name)) return name;
    throw new Errors.CLIError(`expected lower-case letters, digits, - and _; found "${name}".`);
  },
})();

export const contextFlag = Flags.string({
  summary: "Docker context to use, in place of DOCKER_HOST and the current one.",
  helpValue: "NAME",
  env: "AEGRA_CONTEXT",
});
