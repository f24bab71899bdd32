/** Which part of a sorted list to return. */
export interface Page {
  readonly limit: number;
  readonly offset: number;
}

/** How many there are on all pages, where the last one was found. @returns null when it takes counting */
export const totalOfLastPage = ({ limit, offset }: Page, found: number): number | null =>
  found < limit && (found > 0 || offset === 0) ? offset + found : null;

export type SortOrder = "asc" | "desc";
