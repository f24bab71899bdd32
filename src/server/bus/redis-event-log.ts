import type { RunEvent, RunResult } from "../domain/run.ts";
import { compareEntryIds } from "../domain/thread-stream.ts";
import type {
  EventLog,
  LogBatch,
  LoggedEnd,
  LoggedEntry,
  LoggedEvent,
  RunNews,
  WantedNews,
} from "./event-log.ts";
import { isRedisUnavailable, type Redis } from "./redis.ts";
import { APPEND, READ, READ_LAST, READ_NEWS, READ_THREADS } from "./redis-scripts.ts";
import { firstSeq } from "./run-bus.ts";

export interface RedisEventLogOptions {
  /** How long events are kept after the end of their run. */
  readonly retentionMs: number;
  /** How long a run may tell nothing before it counts as one whose end nobody tells. */
  readonly silenceMs: number;
}

/** Whoever watches has to find the end, however short the retention is. */
const MIN_RETENTION_MS = 30_000;
/** About the most bytes of one run, and of all of a step, that are read at a time as news. */
const MAX_NEWS_BYTES = 1024 * 1024;
const MAX_STEP_BYTES = 8 * 1024 * 1024;
/** While a script runs, Redis does nothing else. */
const MAX_RUNS_PER_STEP = 100;

/** The log in a Redis, of whose keys each expires by itself. */
export function createRedisEventLog(redis: Redis, options: RedisEventLogOptions): EventLog {
  const silenceMs = Math.round(options.silenceMs);
  const retentionMs = Math.round(Math.max(options.retentionMs, MIN_RETENTION_MS));
  const keyOfRun = (runId: string) => `${redis.keyPrefix}run:${runId}`;
  const keyOfThread = (threadId: string) => `${redis.keyPrefix}thread:${threadId}`;

  const readStep = async (wanted: readonly WantedNews[]): Promise<readonly RunNews[]> => {
    const keys = wanted.map(({ run_id }) => keyOfRun(run_id));
    const places = wanted.map(({ after }) => (after === null ? "" : toAfter(after)));
    const news = await redis.run(READ_NEWS, keys, [MAX_NEWS_BYTES, MAX_STEP_BYTES, ...places]);
    return (news as RawNews[]).map(([at, isAll, end, events]) => ({
      run_id: (wanted[at] as WantedNews).run_id,
      events: toEvents(events),
      isComplete: isAll === 1,
      end: end === null ? null : parseEnd(end),
    }));
  };

  return {
    async append({ events, ends, entries }) {
      // Whoever reads elsewhere should not have to wait for the next try after that.
      await redis.whenConnected();
      const streams = [...Map.groupBy(events, streamOf).values()];
      await redis.run(
        APPEND,
        [
          ...[...streams.map(([first]) => first as LoggedEvent), ...ends].map(({ run_id }) =>
            keyOfRun(run_id),
          ),
          ...entries.map(({ thread_id }) => keyOfThread(thread_id)),
        ],
        [
          ...[silenceMs, retentionMs, streams.length, ends.length, entries.length],
          ...streams.flatMap(toArguments),
          ...ends.map(({ last_seq, result }) => JSON.stringify({ last_seq, result })),
          ...entries.flatMap(toEntryArguments),
        ],
      );
    },

    isRetriable: isRedisUnavailable,

    async read({ run_id, after, upTo, maxBytes }) {
      const args = [toAfter(after), upTo, maxBytes];
      return toEvents((await redis.run(READ, [keyOfRun(run_id)], args)) as string[]);
    },

    async readNews(wanted) {
      const steps = Array.from({ length: Math.ceil(wanted.length / MAX_RUNS_PER_STEP) }, (_, step) =>
        readStep(wanted.slice(step * MAX_RUNS_PER_STEP, (step + 1) * MAX_RUNS_PER_STEP)),
      );
      return (await Promise.all(steps)).flat();
    },

    async readLastSeqs(runIds) {
      const ids = (await redis.run(READ_LAST, runIds.map(keyOfRun), [])) as (string | null)[];
      const found = ids.map((id, at) => ({ id, runId: runIds[at] as string }));
      return new Map(found.flatMap(({ id, runId }) => (id === null ? [] : [[runId, toSeq(id)]])));
    },

    async readEnd(runId) {
      try {
        const end = await redis.get(`${keyOfRun(runId)}:end`);
        return end === null ? null : parseEnd(end).result;
      } catch (error) {
        // The rows know as well how a run ended, and nothing that needs only them has to wait.
        if (isRedisUnavailable(error)) return null;
        throw error;
      }
    },

    async readThreads({ thread_ids, recentMs }) {
      const raw = await redis.run(READ_THREADS, thread_ids.map(keyOfThread), [recentMs ?? ""]);
      return (raw as RawEntry[])
        .map(([at, json]) => ({ thread_id: thread_ids[at], ...JSON.parse(json) }) as LoggedEntry)
        .sort((one, other) => compareEntryIds(one.id, other.id));
    },
  };
}

/** The place of the run among those asked for, whether all its events are there, its end, and the events. */
type RawNews = readonly [number, 0 | 1, string | null, readonly string[]];
/** The place of the thread among those asked for, and an entry. */
type RawEntry = readonly [number, string];

const ATTEMPT_SPAN = firstSeq(2) - firstSeq(1);

const attemptOf = (seq: number): number => Math.floor((seq - 1) / ATTEMPT_SPAN) + 1;

const streamOf = ({ run_id, seq }: LoggedEvent): string => `${attemptOf(seq)} ${run_id}`;

const toAfter = (after: number): number => Math.max(0, after);

/** An event has the id `<number>-0`. */
const toSeq = (id: string): number => Number(id.slice(0, id.indexOf("-")));

function toArguments(events: LogBatch["events"]): (string | number)[] {
  const [first] = events as [LoggedEvent];
  const args: (string | number)[] = [attemptOf(first.seq), events.length];
  for (const { seq, event, data } of events) args.push(seq, event, data);
  return args;
}

function toEntryArguments({ thread_id: _, ...entry }: LoggedEntry): string[] {
  const { id, kind } = entry;
  const runId = kind === "state_updated" ? "" : entry.run_id;
  return [`${id.ms}-${id.n}`, kind, runId, JSON.stringify(entry)];
}

/** @param raw id, name and data of each, one after the other */
function toEvents(raw: readonly string[]): RunEvent[] {
  const events: RunEvent[] = [];
  for (let at = 0; at < raw.length; at += 3) {
    const [id, event, data] = raw.slice(at, at + 3) as [string, string, string];
    events.push({ seq: toSeq(id), event, data });
  }
  return events;
}

const parseEnd = (json: string): { readonly last_seq: number; readonly result: RunResult } =>
  JSON.parse(json) as Omit<LoggedEnd, "run_id">;
