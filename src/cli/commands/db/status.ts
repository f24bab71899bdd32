import type { DatabaseStatus } from "../../../server/upgrade-database.ts";
import { BaseCommand } from "../../base-command.ts";
import { databaseUrlFlag } from "../../flags.ts";

export default class DbStatus extends BaseCommand {
  static override readonly summary = "Show which migrations a database has, and which it lacks.";
  static override readonly description =
    "Looks at the database of --database-url or DATABASE_URL, otherwise at the project's own.";
  static override readonly examples = ["<%= config.bin %> <%= command.id %> --json"];
  static override readonly flags = { "database-url": databaseUrlFlag() };

  override async run(): Promise<DatabaseStatus> {
    const { flags } = await this.parse(DbStatus);
    const { readProjectDatabaseStatus } = await import("../../read-project-database-status.ts");
    const status = await readProjectDatabaseStatus({
      ...this.project(flags),
      databaseUrl: flags["database-url"],
      status: (line) => this.status(line),
    });
    for (const { name, applied_at } of status.applied) {
      this.log(`applied  ${applied_at.toISOString()}  ${name}`);
    }
    for (const name of status.pending) this.log(`pending  ${"-".padEnd(24)}  ${name}`);
    if (status.pending.length > 0) this.status("Run `aegra db upgrade` to apply what is pending.");
    return status;
  }
}
