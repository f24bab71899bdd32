/**
 * Makes LangChain run its callbacks in the foreground. In the background, its default, they go through one
 * queue for the whole process, and tokens of runs that overlap are dropped without a word. LangChain reads
 * the variable when it is loaded.
 */
export function useForegroundCallbacks(): void {
  process.env["LANGCHAIN_CALLBACKS_BACKGROUND"] = "false";
}
