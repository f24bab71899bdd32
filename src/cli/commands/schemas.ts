import process from "node:process";
import { BaseCommand } from "../base-command.ts";
import { CliError, EXIT } from "../errors.ts";

type Outcome = Awaited<
  ReturnType<typeof import("../../server/write-project-schemas.ts").writeProjectSchemas>
>;
type Written = Extract<Outcome, { readonly graphs: unknown }>;
type Failure = Exclude<Outcome, Written>;

export default class Schemas extends BaseCommand {
  static override readonly summary =
    "Read the graphs' schemas from their TypeScript, for servers that cannot.";
  static override readonly description =
    "Only graphs with an Annotation need it: what they take is nowhere but in their types. The result is kept in " +
    ".aegra/cache/schemas.json, where `aegra serve` finds it as long as the sources stay the same. Run it while an " +
    "image is built, where @langchain/langgraph-api and TypeScript 5 are installed. It needs no database.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  override async run(): Promise<Written> {
    const { flags } = await this.parse(Schemas);
    const project = this.project(flags);
    process.chdir(project.cwd);
    const { writeProjectSchemas } = await import("../../server/write-project-schemas.ts");
    this.status("Reading the schemas of the graphs.");
    const outcome = await writeProjectSchemas(project);
    // Whatever a graph has left running must not keep the process.
    setTimeout(() => process.exit(), EXIT_MS).unref();
    if ("problem" in outcome) throw toCliError(outcome);

    for (const { graph_id, schemas, reason } of outcome.graphs) {
      this.log(`${graph_id}  ${ORIGINS[schemas]}`);
      if (reason !== null) this.warnUser(`Graph '${graph_id}' has incomplete schemas: ${reason}.`);
    }
    if (outcome.file !== null) this.status(`Written to ${outcome.file}.`);
    return outcome;
  }
}

const EXIT_MS = 500;

const ORIGINS: Record<Written["graphs"][number]["schemas"], string> = {
  graph: "from the graph itself",
  types: "from its TypeScript",
  none: "no more than the names of its keys",
};

function toCliError({ problem, reason, suggestions }: Failure): CliError {
  return new CliError(`The schemas could not be read: ${reason}.`, {
    code: problem === "timed_out" ? "SCHEMAS_TIMEOUT" : "SCHEMAS_UNREADABLE",
    exitCode: problem === "timed_out" ? EXIT.timeout : EXIT.config,
    suggestions,
  });
}
