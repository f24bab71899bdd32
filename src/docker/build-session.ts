import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import type { handleUnaryCall, ServiceDefinition } from "@grpc/grpc-js";
import type { DockerEngine } from "./engine.ts";
import { readMessage, readText, writeBytes } from "./protobuf.ts";
import type { FindLogin } from "./registry-login.ts";

/** A connection on which BuildKit asks for what a build may see and its layers may not. */
export interface BuildSession extends AsyncDisposable {
  readonly id: string;
}

const SECRETS = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const CREDENTIALS = "/moby.filesync.v1.Auth/Credentials";
const HEALTH = "/grpc.health.v1.Health/Check";

/** `HealthCheckResponse` with the status SERVING. */
const SERVING = Buffer.from([8, 1]);

export interface SessionOptions {
  readonly secrets: ReadonlyMap<string, Buffer>;
  /** Asked when a registry wants to know who pulls the base image. */
  readonly findLogin: FindLogin;
}

/**
 * Opens a session that hands out secrets by their id, and logins of registries. The library has one of its own, which knows no secrets,
 * answers no health checks, and stays open when a build fails.
 */
export async function openBuildSession(
  docker: DockerEngine,
  { secrets, findLogin }: SessionOptions,
): Promise<BuildSession> {
  const { Server, ServerCredentials, status } = await import("@grpc/grpc-js");
  const id = randomUUID();
  const socket = await dial(docker, id);
  // Without a listener, an engine that hangs up ends the process.
  socket.on("error", () => undefined);

  const server = new Server();
  const getSecret: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => {
    const secret = secrets.get(readText(readMessage(request), 1));
    if (secret === undefined) callback({ code: status.NOT_FOUND, details: "there is no such secret" });
    else callback(null, writeBytes(1, secret));
  };
  const getCredentials: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => {
    findLogin(readText(readMessage(request), 1)).then(
      (login) => {
        const secret = login?.identityToken ?? login?.password ?? "";
        const name = login?.username ?? "";
        callback(null, Buffer.concat([writeBytes(1, Buffer.from(name)), writeBytes(2, Buffer.from(secret))]));
      },
      (error: Error) => callback({ code: status.INTERNAL, details: error.message }),
    );
  };
  const check: handleUnaryCall<Buffer, Buffer> = (_call, callback) => callback(null, SERVING);
  server.addService(
    { ...unary("GetSecret", SECRETS), ...unary("Credentials", CREDENTIALS), ...unary("Check", HEALTH) },
    { GetSecret: getSecret, Credentials: getCredentials, Check: check },
  );
  server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(socket);

  return {
    id,
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown();
      socket.destroy();
    },
  };
}

/** Messages go through as bytes. */
function unary(name: string, path: string): ServiceDefinition {
  const same = (bytes: Buffer) => bytes;
  return {
    [name]: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
}

function dial(docker: DockerEngine, id: string): Promise<Duplex> {
  const options = {
    method: "POST",
    path: "/session",
    hijack: true,
    headers: {
      Upgrade: "h2c",
      "X-Docker-Expose-Session-Uuid": id,
      "X-Docker-Expose-Session-Name": "aegra",
      "X-Docker-Expose-Session-Grpc-Method": [SECRETS, CREDENTIALS, HEALTH],
    },
    statusCodes: { 101: true, 200: true, 500: "server error" },
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(options, (error: Error | null, socket: unknown) => {
      if (error !== null) reject(error);
      else resolve(socket as Duplex);
    });
  });
}
