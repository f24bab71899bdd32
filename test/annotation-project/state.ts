import { Annotation, MessagesAnnotation } from "@langchain/langgraph";
import type { Mood } from "./types.ts";

export const State = Annotation.Root({
  ...MessagesAnnotation.spec,
  mood: Annotation<Mood>,
  items: Annotation<string[]>({ default: () => [], reducer: (before, added) => before.concat(added) }),
});
