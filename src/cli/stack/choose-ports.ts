import type { DockerConnection } from "../../docker/engine.ts";
import type { StackContainer } from "../../docker/stack/list-stack.ts";
import { isPortFree, refusePort } from "../../docker/stack/ports.ts";

export interface PortRequest {
  readonly asked: number | "auto" | undefined;
  /** That of the last time; null when there was none, or it is not known. */
  readonly remembered: number | null;
  /** How many ports in a row are needed. */
  readonly count: number;
  readonly bind: string;
  readonly present: readonly StackContainer[];
  /** Whether another port may be taken when the usual one is not free. */
  readonly mayMove: boolean;
}

const DEFAULT_PORT = 2026;
const ATTEMPTS = 200;

/**
 * The first port of the stack. It stays what it was, if nothing else is asked for.
 *
 * @throws StackError `PORT_IN_USE`, which names who has it
 */
export async function choosePort(
  { docker, endpoint }: DockerConnection,
  { asked, remembered, count, bind, present, mayMove }: PortRequest,
): Promise<number> {
  const own = present
    .filter(({ state }) => state === "running")
    .flatMap(({ ports }) => ports.map(({ hostPort }) => hostPort));
  const last = present.find(({ service, index }) => service === "api" && index === 1)?.ports[0]?.hostPort;
  const usual = last ?? remembered ?? DEFAULT_PORT;
  const first = typeof asked === "number" ? asked : usual;
  // Ports are published on the machine of the engine; who listens there cannot be seen from here.
  if (endpoint.remoteHost !== null) return first;

  const findTaken = async (start: number): Promise<number | null> => {
    for (let port = start; port < start + count; port += 1) {
      if (!own.includes(port) && !(await isPortFree(port, bind))) return port;
    }
    return null;
  };
  const taken = await findTaken(first);
  if (taken === null) return first;
  if (asked !== "auto" && (asked !== undefined || !mayMove)) return refusePort(docker, taken);
  for (let port = DEFAULT_PORT; port < DEFAULT_PORT + ATTEMPTS; port += 1) {
    if ((await findTaken(port)) === null) return port;
  }
  return refusePort(docker, taken);
}
