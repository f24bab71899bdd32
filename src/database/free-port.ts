import { once } from "node:events";
import { createServer } from "node:net";

/** Whether nothing listens on this port of 127.0.0.1. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await bind(port)) !== null;
}

/** A free port of 127.0.0.1: `preferred` (the one used last time) when it is free, so that URLs stay the same. */
export async function choosePort(preferred: number | null): Promise<number> {
  if (preferred !== null && (await isPortFree(preferred))) return preferred;
  const port = await bind(0);
  if (port === null) throw new Error("the operating system offers no free port on 127.0.0.1");
  return port;
}

async function bind(port: number): Promise<number | null> {
  const server = createServer();
  try {
    server.listen({ port, host: "127.0.0.1", exclusive: true });
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : null;
  } catch {
    // Whatever the reason, a port we cannot bind is one that Postgres cannot use either.
    return null;
  } finally {
    server.close();
  }
}
