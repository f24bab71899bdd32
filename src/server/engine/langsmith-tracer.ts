import { CallbackManager } from "@langchain/core/callbacks/manager";
import { LangChainTracer } from "@langchain/core/tracers/tracer_langchain";
import type { TraceDestination } from "../domain/run.ts";

/**
 * A tracer that sends the traces of one run where its client wants them, in place of the project of the
 * process. Null where LangChain does not trace at all, which its own variables decide.
 */
export function createTracer({ project_name, example_id }: TraceDestination): LangChainTracer | null {
  if (!isTracing()) return null;
  return new LangChainTracer({
    ...(project_name !== undefined && { projectName: project_name }),
    ...(example_id !== undefined && { exampleId: example_id }),
  });
}

/** LangChain gives every call a tracer if it is to be traced; what it goes by is not exported. */
const isTracing = (): boolean =>
  CallbackManager.configure()?.handlers.some(({ name }) => name === "langchain_tracer") ?? false;
