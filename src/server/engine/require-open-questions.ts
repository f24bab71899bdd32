import { isJsonObject } from "../domain/json.ts";
import { type ClaimedRun, ResumeRefused } from "../domain/run.ts";
import { toRunnableConfig } from "./checkpoint-config.ts";
import type { Graph } from "./load-graph.ts";

/** How LangGraph writes the id of an interrupt. A resume whose keys all look like one answers by id. */
const INTERRUPT_ID = /^[0-9a-f]{32}$/;

/**
 * Checks that what a run answers is asked, if it wants that: LangGraph drops an answer to anything else without a
 * word. Nobody else writes to the thread while a run executes, so what is open stays open.
 *
 * A run that starts from an earlier checkpoint has its questions asked again, whatever is open now.
 *
 * @throws ResumeRefused
 */
export async function requireOpenQuestions(graph: Graph, { thread_id, kwargs }: ClaimedRun): Promise<void> {
  const resume = kwargs.command?.resume;
  if (kwargs.strict_resume !== true || resume === undefined || resume === null) return;
  const state = await graph.getState(toRunnableConfig(thread_id));
  const start = kwargs.config.configurable?.["checkpoint_id"];
  if (start !== undefined && start !== state.config.configurable?.["checkpoint_id"]) return;

  const pendingIds = state.tasks
    .flatMap(({ interrupts }) => interrupts)
    .flatMap(({ id }) => id ?? [])
    .toSorted();
  requireMatch(resume, { pendingIds, hasNext: state.next.length > 0 });
}

function requireMatch(
  resume: unknown,
  { pendingIds, hasNext }: { readonly pendingIds: readonly string[]; readonly hasNext: boolean },
): void {
  if (isJsonObject(resume) && Object.keys(resume).every((key) => INTERRUPT_ID.test(key))) {
    const ids = Object.keys(resume);
    if (ids.length === 0) {
      throw new ResumeRefused("The answers name no question", { reason: "empty_map", pendingIds });
    }
    const interruptIds = ids.filter((id) => !pendingIds.includes(id)).toSorted();
    if (interruptIds.length === 0) return;
    throw new ResumeRefused(`Nothing waits for an answer to interrupt '${interruptIds.join("', '")}'`, {
      reason: "not_pending",
      interruptIds,
      pendingIds,
    });
  }
  if (pendingIds.length > 1) {
    throw new ResumeRefused("Several questions are open; say by their ids which one is answered", {
      reason: "ambiguous",
      pendingIds,
    });
  }
  // At a breakpoint nothing is asked, and any answer means to go on.
  if (pendingIds.length === 0 && !hasNext) {
    throw new ResumeRefused("Nothing waits for an answer", { reason: "not_pending", pendingIds });
  }
}
