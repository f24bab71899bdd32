import { v7 } from "uuid";

/** An id for a new row. Version 7 sorts by time, so that an index grows at its end only. */
export const newId = (): string => v7();
