import { createDeepAgent } from "deepagents";
import { callTool, ScriptedModel, say } from "./model.ts";

/** An agent that writes its answer into a file, after a subagent has found it. */
export const graph = createDeepAgent({
  model: new ScriptedModel((messages) => {
    const last = messages.at(-1);
    if (last?.type !== "tool") {
      return callTool("task", { description: last?.text, subagent_type: "researcher" });
    }
    return last.name === "task"
      ? callTool("write_file", { file_path: "/answer.md", content: last.text })
      : say("The answer is in /answer.md.");
  }),
  subagents: [
    {
      name: "researcher",
      description: "Looks things up.",
      systemPrompt: "You look things up.",
      model: new ScriptedModel((messages) => say(`I looked up ${messages.at(-1)?.text}.`)),
    },
  ],
});
