import { arch, platform, release } from "node:os";
import process from "node:process";
import { BaseCommand } from "../base-command.ts";
import type { LangGraph } from "../find-langgraph.ts";

interface Versions {
  readonly cli: string;
  readonly node: string;
  /** The project's copy; null when it has none. */
  readonly langgraph: LangGraph | null;
  readonly os: string;
}

export default class Version extends BaseCommand {
  static override readonly summary = "Print the versions that matter in a bug report.";
  static override readonly examples = ["<%= config.bin %> <%= command.id %> --json"];

  override async run(): Promise<Versions> {
    const { flags } = await this.parse(Version);
    const { findLangGraph } = await import("../find-langgraph.ts");
    const versions = {
      cli: this.config.version,
      node: process.versions.node,
      langgraph: await findLangGraph(this.project(flags)),
      os: `${platform()} ${release()} ${arch()}`,
    };
    const { cli, node, langgraph, os } = versions;
    this.log(`aegra      ${cli}`);
    this.log(`node       ${node}`);
    this.log(
      `langgraph  ${langgraph === null ? "none here" : `${langgraph.version} (${langgraph.location})`}`,
    );
    this.log(`os         ${os}`);
    return versions;
  }
}
