/** Which part of a sorted list to return. */
export interface Page {
  readonly limit: number;
  readonly offset: number;
}

export type SortOrder = "asc" | "desc";
