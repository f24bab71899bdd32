import { z } from "zod";
import { findGraphPathProblem } from "./graph-path.ts";

const GRAPH_ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;

const NonEmpty = z.string().refine((text) => text.trim() !== "", "expected a string that is not empty");

const GraphPath = z.string().check(({ value, issues }) => {
  const message = findGraphPathProblem(value);
  if (message !== null) issues.push({ code: "custom", message, input: value });
});

const Graph = z.union([
  GraphPath,
  z.strictObject({
    path: GraphPath.describe('File and export of the graph, such as "./src/agent.ts:graph".'),
    description: z
      .string()
      .optional()
      .describe("What the graph does, for people and for tools that list it."),
    max_concurrency: z
      .number()
      .int("expected a whole number")
      .min(1, "expected a whole number of runs, 1 or more")
      .optional()
      .describe("Most runs of the graph that a process executes at a time, within N_JOBS_PER_WORKER."),
  }),
]);

const Graphs = z
  .record(
    z.string().regex(GRAPH_ID, 'expected a graph id of 1 to 64 letters, digits, ".", "_" or "-"'),
    Graph.describe('One graph: "file:export" (no export means "default"), or an object with path and more.'),
  )
  .refine((graphs) => Object.keys(graphs).length > 0, "expected at least one graph")
  .describe("The graphs to serve, by id.");

const Env = z.union([
  NonEmpty,
  z.array(NonEmpty),
  z.record(
    z.string().regex(/^[^=\0]+$/, "expected the name of an environment variable"),
    z
      .union([z.string(), z.number(), z.boolean()])
      .describe("The value of one environment variable, written here instead of in a file."),
  ),
]);

const Cors = z
  .strictObject({
    allow_origins: z
      .array(NonEmpty)
      .optional()
      .describe('Origins that may call the server. ["*"] unless allow_origin_regex is given, then [].'),
    allow_origin_regex: NonEmpty.refine(compiles, "expected a regular expression")
      .optional()
      .describe("A regular expression; an origin that it matches as a whole is allowed too."),
    allow_methods: z
      .array(NonEmpty)
      .default(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
      .describe("HTTP methods that other origins may use."),
    allow_headers: z.array(NonEmpty).default(["*"]).describe("Request headers that other origins may send."),
    allow_credentials: z.boolean().default(false).describe("Whether browsers may send cookies along."),
    expose_headers: z
      .array(NonEmpty)
      .default([])
      .describe("Response headers that pages may read, besides those that clients of the protocol need."),
    max_age: z
      .number()
      .int("expected a whole number of seconds")
      .min(0, "expected a number of seconds, 0 or more")
      .default(600)
      .describe("Seconds for which browsers may remember these answers."),
  })
  // A project that narrows the origins by a pattern must not stay open to all of them.
  .transform((cors) => ({
    ...cors,
    allow_origins: cors.allow_origins ?? (cors.allow_origin_regex === undefined ? ["*"] : []),
  }));

const HeaderNames = z.array(NonEmpty);

const ConfigurableHeaders = z
  .strictObject({
    includes: HeaderNames.optional().describe(
      'Names, in which `*` stands for any characters. Without it: ["x-*", "user-agent"].',
    ),
    excludes: HeaderNames.optional().describe("Names that are left out although they are included."),
    include: HeaderNames.optional().describe("Older spelling of includes."),
    exclude: HeaderNames.optional().describe("Older spelling of excludes."),
  })
  .transform(({ includes, excludes, include, exclude }) => ({
    includes: includes ?? include ?? null,
    excludes: excludes ?? exclude ?? [],
  }));

const StoreTtl = z.strictObject({
  default_ttl: z
    .number()
    .positive("expected a number of minutes above 0")
    .nullable()
    .default(null)
    .describe("Minutes for which an item is kept when it is put without a ttl; null keeps it for good."),
  refresh_on_read: z.boolean().default(true).describe("Whether reading an item starts its time anew."),
});

/** The configuration file as it may be written, with every default. Keys are the file's; nothing is resolved. */
export const ConfigFile = z
  .strictObject({
    $schema: z
      .string()
      .optional()
      .describe("Lets editors check and complete this file; has no other effect."),
    name: NonEmpty.optional().describe("Name of the project. Without one it is the name of the folder."),
    graphs: Graphs,
    env: Env.optional().describe(
      "Environment for the graphs: a file, a list of files, or the variables themselves. Without it, .env is read.",
    ),
    node_loader: NonEmpty.default("tsx").describe(
      "What loads TypeScript: the built-in tsx, or a module to import before the graphs are.",
    ),
    http: z
      .strictObject({
        cors: Cors.prefault({}).describe("Which web pages of other origins may call the server."),
        configurable_headers: ConfigurableHeaders.prefault({}).describe(
          "Which request headers a run finds in its `config.configurable`, under their names in lower case.",
        ),
      })
      .prefault({})
      .describe("How the server speaks HTTP."),
    store: z
      .strictObject({ ttl: StoreTtl.optional().describe("How long items of the store are kept.") })
      .prefault({})
      .describe("The long-term memory that graphs share."),
  })
  .meta({ title: "aegra.json", description: "A project of graphs that aegra serves." });

export type ConfigFile = z.output<typeof ConfigFile>;

/** The JSON schema of the configuration file, for editors and for the tables in the documentation. */
export function toConfigJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(ConfigFile, { io: "input" });
}

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern);
    return true;
  } catch {
    // The answer is all there is: the caller says what was expected and shows the pattern.
    return false;
  }
}
