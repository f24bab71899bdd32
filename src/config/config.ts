/** Where one graph comes from. */
export interface GraphSource {
  /** Absolute path of the module. */
  readonly file: string;
  /** Name of the export; `"default"` when the entry names none. */
  readonly exportName: string;
  readonly description: string | null;
  /** Most runs of it that a process executes at a time; null for as many as it has slots. */
  readonly maxConcurrency: number | null;
  /** The entry as it was written (`"./src/agent.ts:graph"`), for messages. */
  readonly written: string;
}

/** Cross-origin rules; the spelling is the configuration file's. */
export interface Cors {
  readonly allow_origins: readonly string[];
  /** A regular expression; an origin it matches as a whole is allowed too. */
  readonly allow_origin_regex: string | null;
  readonly allow_methods: readonly string[];
  readonly allow_headers: readonly string[];
  readonly allow_credentials: boolean;
  /** Added to the headers that clients of the protocol need. */
  readonly expose_headers: readonly string[];
  readonly max_age_seconds: number;
}

/** Which request headers runs find in their configuration; `*` in a name stands for any characters. */
export interface ConfigurableHeaders {
  /** Null when the file does not say: those that the hosted server passes on. */
  readonly includes: readonly string[] | null;
  readonly excludes: readonly string[];
}

export interface StoreTtl {
  readonly default_ttl_minutes: number | null;
  readonly refresh_on_read: boolean;
}

/** A project as aegra.json or langgraph.json describes it: resolved, complete, frozen. */
export interface Config {
  /** Absolute path of the file that was read. */
  readonly file: string;
  /** The folder of that file; every relative path in it starts here. */
  readonly root: string;
  readonly name: string;
  readonly graphs: Readonly<Record<string, GraphSource>>;
  /** Environment files to load, absolute, in order. */
  readonly envFiles: readonly string[];
  /** False when the file has no `env` key: `envFiles` is then the `.env` beside it, which may be missing. */
  readonly isEnvNamed: boolean;
  /** Environment variables written into the configuration itself. */
  readonly envValues: Readonly<Record<string, string>>;
  readonly cors: Cors;
  readonly configurableHeaders: ConfigurableHeaders;
  readonly store: { readonly ttl: StoreTtl | null };
  /** A module to register before graphs are loaded (`--import` semantics), or the built-in loader. */
  readonly nodeLoader: "tsx" | (string & {});
  /** Whether the file configures authentication, which this version does not have. */
  readonly asksForAuth: boolean;
  /** What was understood but has no effect, one sentence each; for the log at start-up. */
  readonly warnings: readonly string[];
}
