import fc from "fast-check";
import type { z } from "zod";
import { anyJson, arbitraryOf, type Hints } from "./arbitrary-json.ts";
import { fillPath, type RouteInput } from "./protocol-routes.ts";

export interface HostileRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

const nested = (open: string, close: string): string => `${open.repeat(200)}0${close.repeat(200)}`;

/** JSON texts that are trouble to store, to compare, to walk or to count. */
const HOSTILE_JSON = [
  ...["null", "true", "0", "-1", "1.5", "1e400", "-1e400", "2147483648", "9007199254740993"],
  ...['""', '" "', '"\\u0000"', '"\\ud800"', '"🐘"', '"*"', '"%"', '"\\\\"', '"__proto__"', '"toString"'],
  ...['"\'; drop table threads; --"', `"${"x".repeat(50_000)}"`, '"123456789012345678901234567890"'],
  ...["[]", "{}", "[null]", "[[]]", "[[[1]]]", `[${"0,".repeat(3000)}0]`, '["a","a"]'],
  ...['{"":null}', '{"__proto__":{"a":1}}', '{"constructor":{"prototype":1}}', '{"a\\u0000":1}'],
  ...['{"$gt":{"$lt":1}}', '{"$where":"1"}', '{"lg_name":"Send","node":"x"}', '{"lc":2,"type":"undefined"}'],
  '{"lc":1,"type":"constructor","id":["langchain_core","prompts","PromptTemplate"],"kwargs":{}}',
  '{"lc":1,"type":"constructor","id":["nowhere","HumanMessage"],"kwargs":{}}',
  '{"lc":1,"type":"secret","id":["HOME"]}',
  nested("[", "]"),
  nested('{"a":', "}"),
];

const HOSTILE_BODIES = [
  "",
  " ",
  "{",
  '{"a":',
  "nonsense",
  "\u0000",
  "\ufeff{}",
  "{}{}",
  "[]",
  "1e999",
  "%7B%7D",
];
const HOSTILE_IDS = [
  "x",
  "0",
  "%00",
  "%2F",
  "%20",
  "%E0%A4%A",
  "%F0%9F%90%98",
  "%ED%A0%80",
  "a".repeat(5000),
  "01a20000-0000-7000-8000-00000000000",
  "01a20000-0000-7000-8000-000000000000",
  "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
  "';--",
];
const HOSTILE_VALUES = [
  "",
  "%00",
  "-1",
  "1.5",
  "1e9",
  "99999999999999999999",
  "[",
  "[1]",
  '["a",]',
  "null",
  "%ED%A0%80",
];
const HOSTILE_HEADERS: readonly Readonly<Record<string, string>>[] = [
  { "last-event-id": "x" },
  { "last-event-id": "-2" },
  { "last-event-id": "9".repeat(16) },
  { "last-event-id": "9".repeat(40) },
  { "content-type": "text/html" },
  { "content-type": "multipart/form-data" },
  { "content-encoding": "gzip" },
  { accept: "image/png" },
  { authorization: "Bearer nonsense" },
  { "x-request-id": "../../etc" },
  { prefer: "return=minimal" },
];

/** Requests for a route of which most are wrong in one of their parts, so that nothing else hides it. */
export function hostileRequests(
  route: string,
  { body, query, leastBody }: RouteInput,
  { ids, hints }: { readonly ids: Readonly<Record<string, string>>; readonly hints: Hints },
): fc.Arbitrary<HostileRequest> {
  const [method = "", path = ""] = route.split(" ");
  const params = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
  const good = {
    ids: fc.constant(ids),
    query: query === undefined ? fc.constant("") : arbitraryOf(query, hints).map(toQuery),
    headers: fc.constant({}),
    body: body === undefined ? fc.constant(null) : goodBody(body, leastBody, hints),
  };
  const bad = {
    ids: fc
      .tuple(fc.constantFrom("", ...params), fc.constantFrom(...HOSTILE_IDS))
      .map(([name, id]) => ({ ...ids, [name]: id })),
    query: hostileQuery(query, hints),
    headers: fc.constantFrom(...HOSTILE_HEADERS),
    body: method === "GET" ? fc.constant(null) : hostileBody(body, hints),
  };
  const spoilt = fc.constantFrom("ids", "query", "headers", "nothing", ...Array(6).fill("body"));
  return spoilt
    .chain((part) =>
      fc.record({ ...good, ...(part === "nothing" ? {} : { [part]: bad[part as keyof typeof bad] }) }),
    )
    .map((made) => ({
      method,
      path: `${fillPath(path, made.ids)}${made.query === "" ? "" : `?${made.query}`}`,
      headers: { "content-type": "application/json", ...made.headers },
      body: made.body,
    }));
}

/** Some have nothing optional: in a list of many fields there is nearly always one that goes too far. */
function goodBody(body: z.ZodType, leastBody: object | undefined, hints: Hints): fc.Arbitrary<string> {
  const any = arbitraryOf(body, hints);
  const some =
    leastBody === undefined ? any : fc.oneof({ weight: 3, arbitrary: any }, fc.constant(leastBody));
  return some.map((it) => JSON.stringify(it));
}

function hostileBody(body: RouteInput["body"], hints: Hints): fc.Arbitrary<string> {
  const json = anyJson().map((value) => JSON.stringify(value));
  const text = fc.constantFrom(...HOSTILE_BODIES);
  if (body === undefined) return fc.oneof(json, text);
  return fc.oneof({ weight: 8, arbitrary: mutated(arbitraryOf(body, hints)) }, json, text);
}

const MARK = "hostile value";

/** An accepted value that is spoilt at one place. */
const mutated = (accepted: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc
    .record({
      value: accepted,
      place: fc.nat(),
      how: fc.constantFrom("replace", "replace", "replace", "add", "repeat"),
      hostile: fc.constantFrom(...HOSTILE_JSON),
    })
    .map(({ value, place, how, hostile }) => {
      const text = JSON.stringify(value);
      if (how === "repeat") return text.length > 2 ? `${text.slice(0, -1)},${text.slice(1)}` : text;
      const root: Holder = { it: JSON.parse(text) };
      const all = placesIn(root);
      const { holder, key } = all[place % all.length] ?? { holder: root, key: "it" };
      const held = holder[key];
      if (how === "add" && isHolder(held) && !Array.isArray(held)) held["unknown field"] = MARK;
      else holder[key] = MARK;
      return JSON.stringify(root["it"]).replace(`"${MARK}"`, () => hostile);
    });

type Holder = Record<string, unknown>;

const isHolder = (value: unknown): value is Holder => typeof value === "object" && value !== null;

function placesIn(holder: Holder): { holder: Holder; key: string }[] {
  return Object.entries(holder).flatMap(([key, value]) => [
    { holder, key },
    ...(isHolder(value) ? placesIn(value) : []),
  ]);
}

function hostileQuery(query: RouteInput["query"], hints: Hints): fc.Arbitrary<string> {
  const pairs = query === undefined ? fc.constant([]) : arbitraryOf(query, hints).map(toPairs);
  const names = ["limit", "wait", "nothing", "__proto__", "constructor", "%00"];
  return fc
    .tuple(pairs, fc.nat(), fc.constantFrom(...names), fc.constantFrom(...HOSTILE_VALUES))
    .map(([good, place, name, value]) => {
      const spoilt = good[place % (good.length + 1)]?.[0] ?? name;
      // Beside the good value, it is repeated; else it takes its place.
      const kept = place % 2 === 0 ? good : good.filter(([other]) => other !== spoilt);
      return [toText(kept), `${spoilt}=${value}`].filter((part) => part !== "").join("&");
    });
}

type Pair = readonly [name: string, value: string];

const toPairs = (query: unknown): Pair[] =>
  Object.entries(query as object).flatMap(([name, value]) =>
    [value].flat().map((one): Pair => [name, String(one)]),
  );

const toText = (pairs: readonly Pair[]): string =>
  pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");

const toQuery = (query: unknown): string => toText(toPairs(query));
