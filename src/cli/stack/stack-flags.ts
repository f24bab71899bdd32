import { Flags } from "@oclif/core";
import { contextFlag, projectFlag } from "../docker-flags.ts";

/** The flags that say which stack is meant; all commands about one have them. */
export const stackFlags = { project: projectFlag, context: contextFlag };

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
