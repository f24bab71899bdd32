import type { DockerEngine } from "../engine.ts";
import { type BringUpOptions, waitFor } from "./bring-up.ts";
import type { StackContainer } from "./list-stack.ts";

export interface RestartOptions extends Pick<BringUpOptions, "diagnosis" | "waiting"> {
  /** Whether to wait until it can be used again. */
  readonly waits: boolean;
  /** Where an api can be asked; null asks it within its container. */
  readonly url: string | null;
  /** Seconds that it gets to stop in. */
  readonly graceSeconds: number;
}

/** Stops a container and starts it again. @throws StackError with a diagnosis */
export async function restartContainer(
  docker: DockerEngine,
  { id, name, service }: StackContainer,
  { waits, url, graceSeconds, ...options }: RestartOptions,
): Promise<void> {
  await docker.getContainer(id).restart({ t: graceSeconds });
  if (waits) await waitFor({ docker, ...options }, { id, name, service, url });
}
