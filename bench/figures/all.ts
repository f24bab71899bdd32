import type { Figure } from "../harness/figure.ts";
import { idle, start } from "./at-rest.ts";
import { waitFiveNodes, waitOne, waitSixteen } from "./durable-runs.ts";
import { reads } from "./reads.ts";
import { slowStreams, twoInstances } from "./slow-streams.ts";
import { statelessRuns } from "./stateless-runs.ts";
import { firstEvent, streamedEvents } from "./streaming.ts";
import { turns } from "./turns.ts";

export const FIGURES: readonly Figure[] = [
  waitSixteen,
  waitOne,
  waitFiveNodes,
  statelessRuns,
  streamedEvents,
  firstEvent,
  reads,
  slowStreams,
  twoInstances,
  idle,
  start,
  turns,
];
