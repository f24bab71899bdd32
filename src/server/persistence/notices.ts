import { isJsonObject } from "../domain/json.ts";

const KINDS = ["runs_pending", "cancel_requested", "runs_ended", "events_written", "events_wanted"] as const;
type Kind = (typeof KINDS)[number];

/** How servers get to know of each other: `hello` is answered with `here`. */
const PRESENCES = ["hello", "here", "bye"] as const;
export type Presence = (typeof PRESENCES)[number];

/** A payload has room for 8000 bytes. */
const MAX_IDS = 150;

/** What servers on one database tell each other: that there is something to look at, never the thing itself. */
export type Notice =
  | { readonly kind: Exclude<Kind, "events_written" | "events_wanted"> }
  | { readonly kind: "events_written"; readonly written: NoticeIds | null }
  | { readonly kind: "events_wanted"; readonly wanted: NoticeIds };

/** Runs and threads of which there is news, or is to be; null in a notice of news for too many to name. */
export interface NoticeIds {
  readonly runs: readonly string[];
  readonly threads: readonly string[];
}

/** Notices that wait to be sent. */
export interface Outbox {
  /** Those of one kind become one. */
  add(notice: Notice): void;
  addPresence(presence: Presence): void;
  isEmpty(): boolean;
  /** Takes everything, as payloads. */
  take(): readonly string[];
}

/** @param from the sender */
export function createOutbox(from: string): Outbox {
  const kinds = new Set<Kind | Presence>();
  const written = createIds();
  const wanted = createIds();

  return {
    add(notice) {
      kinds.add(notice.kind);
      if (notice.kind === "events_written" && notice.written !== null) written.add(notice.written);
      if (notice.kind === "events_wanted") wanted.add(notice.wanted);
    },
    addPresence: (presence) => void kinds.add(presence),
    isEmpty: () => kinds.size === 0,
    take() {
      const news = kinds.has("events_written") && { written: written.takeIfFew() };
      // What somebody wants has to be named, with as many payloads as it takes.
      const [first, ...others] = wanted.takePages();
      const payloads = [
        { from, kinds: [...kinds], ...news, ...(first !== undefined && { wanted: first }) },
        ...others.map((page) => ({ from, kinds: ["events_wanted"], wanted: page })),
      ];
      kinds.clear();
      return payloads.map((payload) => JSON.stringify(payload));
    },
  };
}

function createIds() {
  const runs = new Set<string>();
  const threads = new Set<string>();

  const takePages = (): NoticeIds[] => {
    const ids = [
      ...[...runs].map((id) => ({ id, isRun: true })),
      ...[...threads].map((id) => ({ id, isRun: false })),
    ];
    runs.clear();
    threads.clear();
    return Array.from({ length: Math.ceil(ids.length / MAX_IDS) }, (_, index) => {
      const page = ids.slice(index * MAX_IDS, (index + 1) * MAX_IDS);
      return {
        runs: page.filter(({ isRun }) => isRun).map(({ id }) => id),
        threads: page.filter(({ isRun }) => !isRun).map(({ id }) => id),
      };
    });
  };

  return {
    add(ids: NoticeIds) {
      for (const id of ids.runs) runs.add(id);
      for (const id of ids.threads) threads.add(id);
    },
    takePages,
    takeIfFew(): NoticeIds | null {
      const pages = takePages();
      return pages.length > 1 ? null : (pages[0] ?? null);
    },
  };
}

export interface ReceivedPayload {
  /** Null when it is not one of ours. */
  readonly from: unknown;
  readonly presences: readonly Presence[];
  readonly notices: readonly Notice[];
}

/** Anybody who may connect may notify, so what is not one of our notices says nothing. */
export function parsePayload(payload = ""): ReceivedPayload {
  try {
    const notice: unknown = JSON.parse(payload);
    if (isJsonObject(notice) && Array.isArray(notice["kinds"])) {
      const { from = null, written, wanted } = notice;
      const kinds: readonly unknown[] = notice["kinds"];
      const presences = PRESENCES.filter((presence) => kinds.includes(presence));
      const notices = KINDS.filter((kind) => kinds.includes(kind)).flatMap((kind): Notice[] => {
        if (kind === "events_written") return [{ kind, written: areIds(written) ? written : null }];
        if (kind === "events_wanted") return areIds(wanted) ? [{ kind, wanted }] : [];
        return [{ kind }];
      });
      if (presences.length + notices.length > 0) return { from, presences, notices };
    }
  } catch {
    // Not JSON, so not ours.
  }
  return { from: null, presences: [], notices: [] };
}

const areIds = (value: unknown): value is NoticeIds =>
  isJsonObject(value) && areTexts(value["runs"]) && areTexts(value["threads"]);

const areTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((it) => typeof it === "string");
