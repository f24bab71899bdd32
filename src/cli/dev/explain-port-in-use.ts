import type { StartFailure } from "../server-process/messages.ts";

const PROBE_MS = 1000;

/** Says who holds the port, where that is another Aegra server. */
export async function explainPortInUse(
  failure: StartFailure,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<StartFailure> {
  const address = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
  const version = await findAegra(url);
  if (version === null) return failure;
  return {
    ...failure,
    message: `Port ${port} is in use: another Aegra server (${version}) answers at ${url}.`,
    suggestions: ["Use that one, or stop it.", ...failure.suggestions],
  };
}

/** @returns its version; null when no Aegra server answers */
async function findAegra(url: string): Promise<string | null> {
  try {
    const { request } = await import("undici");
    // A program that accepts and says nothing must not hold this up, nor must a proxy of the environment.
    const { body } = await request(`${url}/info`, { signal: AbortSignal.timeout(PROBE_MS) });
    const facts = (await body.json()) as { readonly aegra_version?: unknown } | null;
    return typeof facts?.aegra_version === "string" ? facts.aegra_version : null;
  } catch {
    // Whatever holds the port, it is not an Aegra server that answers.
    return null;
  }
}
