import type { EventLog } from "./bus/event-log.ts";
import { type Database, isDatabaseUnavailable } from "./persistence/database.ts";
import {
  appendRunEvents,
  readLastSeqs,
  readRunEnd,
  readRunEvents,
  readRunNews,
  readThreadEntries,
} from "./persistence/run-events.ts";

/** The tables in which servers on one database find each other's events. */
export const createEventLog = (db: Database): EventLog => ({
  append: (batch) => appendRunEvents(db, batch),
  isRetriable: isDatabaseUnavailable,
  read: (range) => readRunEvents(db, range),
  readNews: (wanted) => readRunNews(db, wanted),
  readLastSeqs: (runIds) => readLastSeqs(db, runIds),
  readEnd: (runId) => readRunEnd(db, runId),
  readThreads: (wanted) => readThreadEntries(db, wanted),
});
