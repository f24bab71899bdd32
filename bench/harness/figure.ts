import type { Floor } from "./floor.ts";
import type { BenchPostgres } from "./postgres.ts";
import type { Measurement } from "./samples.ts";
import type { BenchServer } from "./server.ts";

/** What a figure measures with. Whatever it starts is stopped when the figure is done. */
export interface Bench {
  /** How many rounds count. */
  readonly rounds: number;
  /** How long one sample of a rate takes. */
  readonly seconds: number;
  readonly postgres: Omit<BenchPostgres, keyof AsyncDisposable>;
  /** Tells whoever watches what the numbers do not. */
  tell(line: string): void;
  /** @param options unless given, an empty database and the server's own defaults */
  startOurs(options?: OurStart): Promise<BenchServer>;
  startPeer(): Promise<BenchServer>;
  startFloor(): Promise<Floor>;
}

export interface OurStart {
  readonly databaseUrl?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** One thing to find out. */
export interface Figure {
  /** What `--only` takes. */
  readonly id: string;
  readonly summary: string;
  measure(bench: Bench): Promise<readonly Measurement[]>;
}
