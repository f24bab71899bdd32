import { Flags } from "@oclif/core";

export const projectFlag = Flags.string({
  summary: "Name of the project in Docker; otherwise that of the project here.",
  helpValue: "NAME",
  env: "AEGRA_PROJECT",
});

export const contextFlag = Flags.string({
  summary: "Docker context to use, in place of DOCKER_HOST and the current one.",
  helpValue: "NAME",
  env: "AEGRA_CONTEXT",
});
