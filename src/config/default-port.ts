/** Where the server listens when nothing says otherwise. */
export const DEFAULT_PORT = 2026;
