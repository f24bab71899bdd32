import { Client } from "@langchain/langgraph-sdk";
import { Client as Client19 } from "sdk-1-9";
import { Client as Client20 } from "sdk-2-0";
import { inject } from "vitest";

/** What not every one of these SDKs can ask for. */
export type Feature =
  | "threads.prune"
  | "threads.search extract"
  | "threads.get include"
  | "threads.update returnMinimal"
  | "threads.getState select"
  | "runs.create onCompletion"
  | "runs.cancelMany"
  | "runs.cancel reason"
  | "runs.stream streamNamespaces"
  | "runs.create strictResume";

export interface Sdk {
  /** The package as it is installed, and the version that it must have. */
  readonly name: string;
  readonly version: string;
  readonly lacks: readonly Feature[];
  /** A client that shows the first answer, whatever it is. */
  connect(apiUrl?: string): Client;
}

const OPTIONS = { callerOptions: { maxRetries: 0 } };

const serverUrl = (): string => inject("conformanceServerUrl");

/** Newest first. 2.0.0 is what npm calls the latest; it is older code than the others, and many have it. */
export const SDKS: readonly Sdk[] = [
  {
    name: "@langchain/langgraph-sdk",
    version: "1.15.0",
    lacks: [],
    connect: (apiUrl = serverUrl()) => new Client({ apiUrl, ...OPTIONS }),
  },
  {
    name: "sdk-1-9",
    version: "1.9.31",
    lacks: [
      "threads.getState select",
      "runs.cancel reason",
      "runs.stream streamNamespaces",
      "runs.create strictResume",
    ],
    // The classes differ in what they lack; the tests go by `lacks`.
    connect: (apiUrl = serverUrl()) => new Client19({ apiUrl, ...OPTIONS }) as unknown as Client,
  },
  {
    name: "sdk-2-0",
    version: "2.0.0",
    lacks: [
      "threads.prune",
      "threads.search extract",
      "threads.get include",
      "threads.update returnMinimal",
      "threads.getState select",
      "runs.create onCompletion",
      "runs.cancelMany",
      "runs.cancel reason",
      "runs.stream streamNamespaces",
      "runs.create strictResume",
    ],
    connect: (apiUrl = serverUrl()) => new Client20({ apiUrl, ...OPTIONS }) as unknown as Client,
  },
];

/** The newest one. */
export const connect = (apiUrl?: string): Client => newest().connect(apiUrl);

function newest(): Sdk {
  const [first] = SDKS;
  if (first === undefined) throw new Error("there is no SDK");
  return first;
}
