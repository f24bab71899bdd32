import { z } from "zod";

/** In the spelling of the database: ids are compared as text, and looked up in memory. */
export const Id = z.guid().toLowerCase();

export const JsonObject = z.record(z.string(), z.unknown());

/** Optional, and null means the same as absent: clients in other languages send it for what they leave out. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value): z.output<T> | undefined => value ?? undefined);

/** What a schema is to say about its input in the description of the API, beyond what can be seen from outside. */
export interface InputNote {
  /** What applies when the field is absent or null. */
  readonly inputDefault?: unknown;
  /** Why the field is refused; it is left out of the description. */
  readonly refused?: string;
}

const note = (about: InputNote): InputNote & Record<string, unknown> => ({ ...about });

export const withDefault = <T extends z.ZodType>(schema: T, value: z.output<T>) =>
  schema
    .nullish()
    .transform((given): z.output<T> => (given ?? value) as z.output<T>)
    .meta(note({ inputDefault: value }));

/** A field of the protocol that this server cannot act on yet. Refused, since ignoring it would mislead. */
export const unsupported = (reason: string) =>
  z
    .unknown()
    .optional()
    .refine((value) => value === undefined || value === null, { message: reason })
    .transform(() => undefined)
    .meta(note({ refused: reason }));

const MAX_PAGE = 1000;

export const limit = (byDefault: number) => withDefault(z.int().min(1).max(MAX_PAGE), byDefault);
export const offset = withDefault(z.int().min(0), 0);

export const SortOrder = z.enum(["asc", "desc"]);

/** Seconds or minutes that Postgres can still add to a date. */
export const Duration = z.number().min(0).max(1e9);

/** Query values arrive as text. The API's description shows what such a pipe ends in: here, a boolean. */
export const QueryFlag = z
  .enum(["true", "false", "1", "0", ""])
  .transform((text) => text === "true" || text === "1")
  .pipe(z.boolean());

export const queryInt = (schema: z.ZodType<number, number>) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, "expected a whole number")
    .transform(Number)
    .pipe(schema);

/** A list in a query: the key repeated, or one JSON array, as older clients send it. */
export const queryList = <T extends z.ZodType<unknown, string>>(item: T) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((given, context) => {
      if (Array.isArray(given)) return given;
      if (!given.startsWith("[")) return [given];
      try {
        return JSON.parse(given) as string[];
      } catch {
        context.addIssue({ code: "custom", message: "expected a JSON array" });
        return z.NEVER;
      }
    })
    .pipe(z.array(item));

export const CheckpointRef = z
  .strictObject({
    /** The thread is named by the path; some clients repeat it here. */
    thread_id: optional(z.string()),
    checkpoint_id: optional(z.string().min(1)),
    checkpoint_ns: optional(z.string()),
    checkpoint_map: z.nullish(z.record(z.string(), z.string())),
  })
  .transform(({ checkpoint_id, checkpoint_ns, checkpoint_map }) => ({
    ...(checkpoint_id !== undefined && { checkpoint_id }),
    ...(checkpoint_ns !== undefined && { checkpoint_ns }),
    ...(checkpoint_map != null && { checkpoint_map }),
  }));

/** Keeps only the fields that were asked for. */
export const pick = <T extends object>(
  row: T,
  select: readonly (keyof T & string)[] | undefined,
): Partial<T> =>
  select === undefined
    ? row
    : (Object.fromEntries(select.map((key) => [key, row[key]])) as unknown as Partial<T>);
