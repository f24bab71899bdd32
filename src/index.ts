/** What a project may import from `aegra`. */
export type { Config } from "./config/config.ts";
export type { ServerRuntime } from "./server/engine/load-graph.ts";
