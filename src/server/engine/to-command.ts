import { Command, Send } from "@langchain/langgraph";
import type { RunCommand, RunGoto } from "../domain/run.ts";

/** The command of a request as LangGraph's. */
export function toCommand({ update, resume, goto }: RunCommand): Command {
  const targets = goto === undefined || goto === null ? [] : [goto].flat();
  return new Command({
    ...(update !== undefined && update !== null && { update: update as Record<string, unknown> }),
    ...(resume !== undefined && { resume }),
    ...(targets.length > 0 && { goto: targets.map(toTarget) }),
  });
}

const toTarget = (target: RunGoto): string | Send =>
  typeof target === "string" ? target : new Send(target.node, target.input);
