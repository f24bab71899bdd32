export interface RecordedFetch {
  readonly fetch: typeof globalThis.fetch;
  /** The bodies of the requests of a method whose URL matches, in their order; null for a request without one. */
  bodiesOf(method: string, url: RegExp): unknown[];
}

/** A fetch that remembers what a client has sent. */
export function recordedFetch(): RecordedFetch {
  const requests: { readonly method: string; readonly url: string; readonly body: unknown }[] = [];
  return {
    fetch: (resource, init) => {
      const body = typeof init?.body === "string" ? JSON.parse(init.body) : null;
      requests.push({ method: init?.method ?? "GET", url: String(resource), body });
      return fetch(resource, init);
    },
    bodiesOf: (method, url) =>
      requests
        .filter((request) => request.method === method && url.test(request.url))
        .map(({ body }) => body),
  };
}
