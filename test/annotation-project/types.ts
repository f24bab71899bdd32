/** Imported for its type alone, so that nothing of this file is left when the graph runs. */
export type Mood = "happy" | "sad";
