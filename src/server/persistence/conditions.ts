/** Collects the conditions of a search together with the values they refer to. */
export interface Conditions {
  /** Adds a condition; `?` in it stands for the value. */
  add(condition: string, value: unknown): void;
  /** Registers a value and returns its placeholder. */
  value(value: unknown): string;
  /** `where …`, or nothing when there are no conditions. */
  readonly where: string;
  readonly values: readonly unknown[];
}

export function createConditions(): Conditions {
  const conditions: string[] = [];
  const values: unknown[] = [];
  const value = (added: unknown) => `$${values.push(added)}`;
  return {
    value,
    add(condition, added) {
      const placeholder = value(added);
      conditions.push(condition.replaceAll("?", () => placeholder));
    },
    get where() {
      return conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
    },
    values,
  };
}

/** Escapes what `like` would read as a wildcard. */
export const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, String.raw`\$&`);
