const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/** A URL as a container reaches it: this machine is not localhost there. */
export function toContainerUrl(url: string): { readonly url: string; readonly changed: boolean } {
  const parsed = new URL(url);
  if (!LOOPBACK.test(parsed.hostname)) return { url, changed: false };
  parsed.hostname = "host.docker.internal";
  return { url: parsed.href, changed: true };
}
