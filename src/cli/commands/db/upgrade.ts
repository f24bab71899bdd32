import { Flags } from "@oclif/core";
import { BaseCommand } from "../../base-command.ts";
import { databaseUrlFlag } from "../../flags.ts";

interface Upgrade {
  /** Names of the migrations, in order; empty when there was nothing to do. */
  readonly applied: readonly string[];
}

export default class DbUpgrade extends BaseCommand {
  static override readonly summary = "Create or upgrade the tables of a database.";
  static override readonly description =
    "Works on the database of --database-url or DATABASE_URL, otherwise on the project's own. Does nothing " +
    "when the tables are up to date. Of several processes that upgrade one database, one does, and the " +
    "others wait.";
  static override readonly examples = ["<%= config.bin %> <%= command.id %> --lock-timeout 300"];
  static override readonly flags = {
    "database-url": databaseUrlFlag(),
    "lock-timeout": Flags.integer({
      summary: "Seconds to wait for another process that is changing the tables.",
      helpValue: "SECONDS",
      default: 60,
      min: 1,
      max: 86_400,
      env: "AEGRA_LOCK_TIMEOUT",
    }),
  };

  override async run(): Promise<Upgrade> {
    const { flags } = await this.parse(DbUpgrade);
    const { withProjectDatabase } = await import("../../with-project-database.ts");
    const applied = await withProjectDatabase(
      {
        ...this.project(flags),
        databaseUrl: flags["database-url"],
        status: (line) => this.status(line),
      },
      async (databaseUrl) => {
        const { upgradeDatabase } = await import("../../../server/upgrade-database.ts");
        return upgradeDatabase(databaseUrl, { lockTimeoutMs: flags["lock-timeout"] * 1000 });
      },
    );
    if (applied.length === 0) this.log("The tables are up to date.");
    for (const name of applied) this.log(`applied  ${name}`);
    return { applied };
  }
}
