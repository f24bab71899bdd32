import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface CuttableProxy {
  readonly url: string;
  readonly server: Server;
  /** Breaks all connections, as a network does. New ones can be made at once. */
  cut(): void;
}

/** Passes bytes on between a client and a server until the test ends. */
export async function cuttableProxy(target: string): Promise<CuttableProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      // A broken connection is what the test wants; the other side is to see it too.
      from
        .on("error", () => undefined)
        .on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    server.close();
    cut();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, cut };
}
