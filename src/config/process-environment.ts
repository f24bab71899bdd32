/** A copy to work out settings in: what is put there, child processes and graphs do not see. */
export const copyEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env });

/** Whether the environment asks for machine-readable output, as --json does; in oclif's words for true. */
export const isJsonRequested = (): boolean =>
  ["1", "true", "y", "yes"].includes(process.env["AEGRA_JSON"]?.toLowerCase() ?? "");

/** Keeps this process, and those it starts, from using colours. @see https://no-color.org */
export function turnColorsOff(): void {
  process.env["NO_COLOR"] = "1";
  // Node and most libraries let it win over NO_COLOR.
  delete process.env["FORCE_COLOR"];
}
