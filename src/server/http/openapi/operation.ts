import type { ResponseName } from "./responses.ts";
import type { JsonSchema } from "./to-json-schema.ts";

/** Operations are shown in groups, in this order. */
export const TAGS = {
  Assistants: "Graphs with settings of their own.",
  Threads: "Conversations: the state that runs read and write, and its history.",
  "Thread Runs": "Executions of an assistant on a thread.",
  "Stateless Runs": "Executions of an assistant on a thread made for them alone.",
  Store: "The long-term memory that graphs and clients share.",
  System: "Probes and facts. They need no caller.",
} as const;

export type Tag = keyof typeof TAGS;

/** What a route's validators cannot know about it. */
export interface Operation {
  /** Unique; code generators name functions after it. */
  readonly id: string;
  readonly tag: Tag;
  /** What the route does, as a sentence without its period. */
  readonly summary: string;
  /** What is worth knowing besides, and where this server differs from the hosted one. */
  readonly notes?: string;
  /** What each parameter of the query does, and of the path where its name does not say it. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Headers that the route reads. */
  readonly headers?: readonly Header[];
  /** What it answers, by status. Refusals that follow from the validators need not be repeated. */
  readonly answers: Readonly<Record<number, Answer>>;
}

export interface Header {
  readonly name: string;
  readonly description: string;
  readonly schema: JsonSchema;
}

export interface Answer {
  readonly description: string;
  /** Null when there is no body. */
  readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> | null;
  /** Headers of the answer and what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

export const ref = (name: ResponseName): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

export const listOf = (items: JsonSchema): JsonSchema => ({ type: "array", items });

export const json = (description: string, schema: JsonSchema, headers?: Answer["headers"]): Answer => ({
  description,
  content: { "application/json": { schema } },
  ...(headers !== undefined && { headers }),
});

export const empty = (description: string): Answer => ({ description, content: null });

export const problem = (description: string): Answer => json(description, ref("Problem"));

/** Server-sent events. */
export const events = (description: string, headers?: Answer["headers"]): Answer => ({
  description,
  content: { "text/event-stream": { schema: { type: "string" } } },
  ...(headers !== undefined && { headers }),
});

export const NO_THREAD = problem("There is no such thread.");
export const NO_ASSISTANT = problem("There is no such assistant.");
export const NO_RUN = problem("There is no such run.");

export const LAST_EVENT_ID: Header = {
  name: "Last-Event-ID",
  description:
    "Number of the last event that was received; what follows it is sent. `-1`, and nothing at all, means from the beginning.",
  schema: { type: "string" },
};

export const IDEMPOTENCY_KEY: Header = {
  name: "Idempotency-Key",
  description:
    "1 to 255 characters that the client chooses. The same request with the same key makes no second run, but is answered with the first; another request with it is refused.",
  schema: { type: "string", maxLength: 255 },
};
