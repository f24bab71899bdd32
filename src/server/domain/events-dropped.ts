import { formatPlace, type ThreadPlace } from "./thread-stream.ts";

/** A reader needs events of a run that had to make room for newer ones. */
export class RunEventsDropped extends Error {
  override readonly name = "RunEventsDropped";
  /** Number of the last one that is gone: reading on after it works. */
  readonly upTo: number;

  constructor(upTo: number) {
    super(`The events of the run up to ${upTo} are no longer kept`);
    this.upTo = upTo;
  }
}

/** A reader needs something of a thread that is no longer kept. */
export class ThreadEventsDropped extends Error {
  override readonly name = "ThreadEventsDropped";
  /** The place after the last of it: reading on from there works. */
  readonly upTo: ThreadPlace;

  constructor(upTo: ThreadPlace) {
    super(`The events of the thread up to ${formatPlace(upTo)} are no longer kept`);
    this.upTo = upTo;
  }
}
