import type { DatabaseStatus } from "../../../server/upgrade-database.ts";
import { BaseCommand } from "../../base-command.ts";
import { databaseUrlFlag } from "../../flags.ts";

export default class DbHistory extends BaseCommand {
  static override readonly summary = "List the migrations a database has had, oldest first.";
  static override readonly description =
    "Looks at the database of --database-url or DATABASE_URL, otherwise at the project's own.";
  static override readonly examples = ["<%= config.bin %> <%= command.id %>"];
  static override readonly flags = { "database-url": databaseUrlFlag() };

  override async run(): Promise<Pick<DatabaseStatus, "applied">> {
    const { flags } = await this.parse(DbHistory);
    const { readProjectDatabaseStatus } = await import("../../read-project-database-status.ts");
    const { applied } = await readProjectDatabaseStatus({
      ...this.project(flags),
      databaseUrl: flags["database-url"],
      status: (line) => this.status(line),
    });
    for (const { name, applied_at } of applied) this.log(`${applied_at.toISOString()}  ${name}`);
    if (applied.length === 0) this.log("None.");
    return { applied };
  }
}
