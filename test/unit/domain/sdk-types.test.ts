import type * as sdk from "@langchain/langgraph-sdk";
import { expectTypeOf, test } from "vitest";
import type { Assistant } from "../../../src/server/domain/assistant.ts";
import type { Checkpoint, ThreadState } from "../../../src/server/domain/checkpoint.ts";
import type {
  CancelAction,
  MultitaskStrategy,
  Run,
  RunFailure,
  RunStatus,
  StreamMode,
} from "../../../src/server/domain/run.ts";
import type { StoreItem } from "../../../src/server/domain/store-item.ts";
import type {
  Interrupt,
  Thread,
  ThreadField,
  ThreadSortKey,
  ThreadStatus,
} from "../../../src/server/domain/thread.ts";

/** What is left of a type after JSON: dates are text, and nobody enforces `readonly`. */
type Json<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { -readonly [Key in keyof T]: Json<T[Key]> }
      : T;

/** The two sides of a comparison, without what the client types more narrowly than JSON can promise. */
type Without<T, Key extends keyof T> = Omit<Json<T>, Key>;

// A type that does not fit is an error of the compiler, not of the test run.
test("runs are what the client expects", () => {
  expectTypeOf<Json<Run>>().toExtend<sdk.Run>();
  expectTypeOf<RunStatus>().toEqualTypeOf<sdk.Run["status"]>();
  expectTypeOf<MultitaskStrategy>().toEqualTypeOf<NonNullable<sdk.Run["multitask_strategy"]>>();
  expectTypeOf<CancelAction>().toEqualTypeOf<NonNullable<CancelParameters[3]>>();
});

test("threads are what the client expects", () => {
  expectTypeOf<Without<Thread, "values" | "config">>().toExtend<Omit<sdk.Thread, "values" | "config">>();
  expectTypeOf<ThreadStatus>().toEqualTypeOf<sdk.ThreadStatus>();
  expectTypeOf<Json<Interrupt>>().toExtend<sdk.Interrupt>();
  // The client's list has a field that neither its own thread has nor the hosted server's.
  expectTypeOf<Exclude<sdk.ThreadSelectField, "context">>().toExtend<ThreadField>();
  expectTypeOf<NonNullable<SearchParameters["sortBy"]>>().toEqualTypeOf<ThreadSortKey>();
});

test("states are what the client expects, but for the checkpoint that an empty thread does not have", () => {
  type Task = ThreadState["tasks"][number];
  expectTypeOf<Without<ThreadState, "values" | "tasks" | "checkpoint">>().toExtend<
    Omit<sdk.ThreadState, "values" | "tasks" | "checkpoint">
  >();
  expectTypeOf<Without<Task, "state">>().toExtend<Omit<sdk.ThreadState["tasks"][number], "state">>();
  expectTypeOf<Json<Checkpoint>>().toExtend<sdk.Checkpoint>();
});

test("assistants are what the client expects, but for a description of null", () => {
  expectTypeOf<Without<Assistant, "description" | "config">>().toExtend<
    Omit<sdk.Assistant, "description" | "config">
  >();
});

test("items are what the client expects once it has renamed their dates", () => {
  expectTypeOf<Without<StoreItem, "created_at" | "updated_at">>().toExtend<
    Omit<sdk.Item, "createdAt" | "updatedAt">
  >();
});

test("every stream mode of the client is one of ours, and the other way round", () => {
  type ClientMode = Extract<NonNullable<NonNullable<RunPayload>["streamMode"]>, string>;
  expectTypeOf<StreamMode>().toEqualTypeOf<ClientMode>();
  expectTypeOf<Json<RunFailure>>().toExtend<{ error: string; message: string }>();
});

type CancelParameters = Parameters<sdk.Client["runs"]["cancel"]>;
type SearchParameters = NonNullable<Parameters<sdk.Client["threads"]["search"]>[0]>;
type RunPayload = Parameters<sdk.Client["runs"]["create"]>[2];
