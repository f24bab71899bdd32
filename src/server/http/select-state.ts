import type { ThreadState } from "../domain/checkpoint.ts";
import { isJsonObject } from "../domain/json.ts";

const VALUE = "values.";

/**
 * Keeps only the fields of a state that were asked for.
 * @param select names of fields, and `values.<key>` for single values; without it, everything is kept
 */
export function selectState(state: ThreadState, select: readonly string[] | undefined): Partial<ThreadState> {
  if (select === undefined) return state;
  const fields = Object.entries(state).filter(([name]) => select.includes(name));
  const keys = select.filter((name) => name.startsWith(VALUE)).map((name) => name.slice(VALUE.length));
  if (keys.length > 0 && !select.includes("values")) fields.push(["values", pickValues(state.values, keys)]);
  return Object.fromEntries(fields);
}

const pickValues = (values: ThreadState["values"], keys: readonly string[]): object =>
  isJsonObject(values)
    ? Object.fromEntries(Object.entries(values).filter(([key]) => keys.includes(key)))
    : {};
