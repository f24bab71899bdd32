import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";

interface Stored {
  readonly content: Buffer;
  readonly type: string;
}

/**
 * A registry of images in memory that wants a login. As much of the distribution protocol as pushing and pulling
 * needs; engines take one on this machine without TLS.
 */
export async function privateRegistry(login: { readonly username: string; readonly password: string }) {
  const expected = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const blobs = new Map<string, Stored>();
  const manifests = new Map<string, Stored>();
  const uploads = new Map<string, Buffer[]>();

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const url = new URL(request.url ?? "", "http://registry");
    if (request.headers.authorization !== expected) {
      return void response.writeHead(401, { "www-authenticate": 'Basic realm="private"' }).end();
    }
    const [, kind = "", reference = ""] =
      /\/(blobs\/uploads|blobs|manifests)\/(.*)$/.exec(url.pathname) ?? [];
    if (kind === "") return void response.writeHead(200).end("{}");
    if (kind === "blobs/uploads") return upload(request, response, { url, id: reference, body });
    const store = kind === "blobs" ? blobs : manifests;
    if (request.method !== "PUT") return find(request, response, store.get(reference));
    const stored = { content: body, type: request.headers["content-type"] ?? "" };
    for (const name of [reference, digestOf(body)]) store.set(name, stored);
    response.writeHead(201, { "docker-content-digest": digestOf(body) }).end();
  };

  const upload = (
    { method = "" }: IncomingMessage,
    response: ServerResponse,
    { url, id, body }: { readonly url: URL; readonly id: string; readonly body: Buffer },
  ): void => {
    const session = id === "" ? randomUUID() : id;
    const parts = [...(uploads.get(session) ?? []), body];
    uploads.set(session, parts);
    const digest = url.searchParams.get("digest");
    if (method === "PUT" && digest !== null) {
      blobs.set(digest, { content: Buffer.concat(parts), type: "application/octet-stream" });
      return void response.writeHead(201, { "docker-content-digest": digest }).end();
    }
    const location = `${url.pathname.replace(/uploads\/.*$/, "uploads/")}${session}`;
    const bytes = parts.reduce((total, part) => total + part.length, 0);
    response.writeHead(202, { location, range: `0-${Math.max(0, bytes - 1)}` }).end();
  };

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as { port: number };
  return { host: `127.0.0.1:${port}`, auth: expected.slice("Basic ".length), manifests };
}

function find({ method }: IncomingMessage, response: ServerResponse, found: Stored | undefined): void {
  if (found === undefined) return void response.writeHead(404).end("{}");
  response.writeHead(200, {
    "content-type": found.type,
    "content-length": found.content.length,
    "docker-content-digest": digestOf(found.content),
  });
  response.end(method === "HEAD" ? undefined : found.content);
}

const digestOf = (content: Buffer): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;
