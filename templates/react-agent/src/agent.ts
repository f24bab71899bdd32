import { createAgent } from "langchain";
import { loadModel } from "./model.ts";
import { calculator, currentTime, sendEmail } from "./tools.ts";

export const graph = createAgent({
  model: await loadModel(),
  tools: [calculator, currentTime, sendEmail],
  systemPrompt:
    "You are a helpful assistant. Use the tools for arithmetic, the time and e-mail instead of guessing.",
});
