import type { Job, PlannedRun } from "./chaos-plan.ts";
import type { FleetClient, StreamSeen } from "./fleet-client.ts";
import type { Frame } from "./wire.ts";

/** What the rows say of a run. */
export interface RunRow {
  readonly run_id: string;
  readonly status: string;
  readonly attempt: number;
  readonly crashes: number;
  readonly claimed_by: string | null;
  /** Every final status that it was given, in order. */
  readonly ends: readonly string[];
}

/** That a step began. */
export interface Effect {
  readonly run_id: string;
  readonly attempt: number;
  readonly step: string;
}

/** Of the numbers of events, what an attempt has for its own. */
const ATTEMPT_SPAN = 2 ** 32;

/** @returns what is wrong with how a run ended, in words; empty when nothing is */
export function checkRow({ status }: PlannedRun, row: RunRow | undefined): string[] {
  if (row === undefined) return ["is not there"];
  const problems: string[] = [];
  if (row.status !== status) problems.push(`is ${row.status} instead of ${status}`);
  if (row.ends.length !== 1) problems.push(`ended ${row.ends.length} times: ${row.ends.join(", ")}`);
  if (row.claimed_by !== null) problems.push("still belongs to a worker");
  // Every crash was an attempt, and so was the one that came to the end. Others were handed back.
  if (row.attempt < row.crashes + 1) problems.push(`had ${row.attempt} attempts and ${row.crashes} crashes`);
  return problems;
}

/**
 * Every step has begun. With durability `sync`, an attempt begins at the earliest with the steps that were in
 * flight in the one before, and begins none of them twice itself.
 */
export function checkEffects(
  run: PlannedRun,
  job: Job,
  attempts: number,
  effects: readonly Effect[],
): string[] {
  const problems: string[] = [];
  const steps = run.supersteps.flat();
  const missing = steps.filter((step) => !effects.some((effect) => effect.step === step));
  if (missing.length > 0) problems.push(`has not done ${missing.join(", ")}`);
  const unknown = effects.filter(({ step, attempt }) => !steps.includes(step) || attempt > attempts);
  if (unknown.length > 0) problems.push(`has done ${JSON.stringify(unknown)}`);

  const indexOf = ({ step }: Effect) => run.supersteps.findIndex((together) => together.includes(step));
  let inFlight = 0;
  for (const [attempt, own] of [...Map.groupBy(effects, ({ attempt }) => attempt)].sort(
    ([a], [b]) => a - b,
  )) {
    const twice = own.filter(({ step }, index) => own.findIndex((other) => other.step === step) !== index);
    if (twice.length > 0) problems.push(`has begun ${twice[0]?.step} twice in attempt ${attempt}`);
    const first = Math.min(...own.map(indexOf));
    if (job.durability === "sync" && first < inFlight) {
      problems.push(
        `began attempt ${attempt} with ${run.supersteps[first]}, before ${run.supersteps[inFlight]}`,
      );
    }
    inFlight = Math.max(...own.map(indexOf));
  }
  return problems;
}

interface State {
  readonly values: { readonly items?: readonly string[] } | null;
  readonly next: readonly string[];
}

interface Thread {
  readonly status: string;
  readonly values: { readonly items?: readonly string[] } | null;
}

/** The thread is free, and it holds what its runs did, in its row as in its state. */
export async function checkThread(client: FleetClient, { thread_id, items }: Job): Promise<string[]> {
  const thread = (await client.request("GET", `/threads/${thread_id}`)).body as Thread;
  const state = (await client.request("GET", `/threads/${thread_id}/state`)).body as State;
  const problems: string[] = [];
  if (thread.status !== "idle") problems.push(`is ${thread.status}`);
  if (state.next.length > 0) problems.push(`has yet to do ${state.next}`);
  const expected = items.join(", ");
  const held = { thread: thread.values?.items?.join(", "), state: state.values?.items?.join(", ") };
  if (held.thread !== expected) problems.push(`shows ${held.thread} instead of ${expected}`);
  if (held.state !== expected) problems.push(`has the state ${held.state} instead of ${expected}`);
  return problems;
}

/** The numbers of the events rise, and nothing comes after the end. */
export function checkStream({ frames }: StreamSeen): string[] {
  const problems: string[] = [];
  const ids = frames.map(({ id }) => Number(id));
  const fallen = ids.findIndex((id, index) => index > 0 && id <= (ids[index - 1] as number));
  if (fallen > 0) problems.push(`streamed ${ids[fallen]} after ${ids[fallen - 1]}`);
  if (frames.at(-1)?.event !== "end") problems.push(`ended with ${frames.at(-1)?.event}`);
  return problems;
}

/** No event of an attempt is missing between others, and none at all of the attempt that came to the end. */
export function checkCompleteStream({ frames }: StreamSeen): string[] {
  const problems: string[] = [];
  const attempts = [...Map.groupBy(frames, ({ id }) => Math.floor((Number(id) - 1) / ATTEMPT_SPAN)).values()];
  for (const own of attempts) {
    if (own[0]?.event !== "metadata") problems.push(`streamed an attempt that begins with ${own[0]?.event}`);
    const gap = own.findIndex(({ id }, index) => index > 0 && Number(id) !== Number(own[index - 1]?.id) + 1);
    if (gap > 0) problems.push(`streamed ${own[gap]?.id} after ${own[gap - 1]?.id}`);
  }
  const last = attempts.at(-1) ?? [];
  for (const [step, tokens] of Map.groupBy(last.filter(isCustom), stepOf)) {
    const numbers = tokens.map(({ data }) => (data as Token).token);
    if (numbers.some((token, index) => token !== index))
      problems.push(`streamed the tokens ${numbers} of ${step}`);
  }
  return problems;
}

interface Token {
  readonly step: string;
  readonly token: number;
}

const isCustom = ({ event }: Frame): boolean => event === "custom";
const stepOf = ({ data }: Frame): string => (data as Token).step;
