// Talks to the running agent and prints its answer as it arrives. Every argument is one message on the same thread.
import { createInterface } from "node:readline/promises";
import { Client } from "@langchain/langgraph-sdk";

const client = new Client({ apiUrl: process.env["AEGRA_URL"] ?? "http://localhost:2026" });
const terminal = createInterface({ input: process.stdin, output: process.stdout });
const { thread_id } = await client.threads.create();

for (const content of process.argv.slice(2)) {
  console.log(`\nyou:   ${content}`);
  await run({ input: { messages: [{ role: "user", content }] } });

  // An interrupted run waits for a person, however long that takes; their answer resumes it.
  for (let question = await openQuestion(); question !== null; question = await openQuestion()) {
    await run({ command: { resume: await terminal.question(`\n${question} `) } });
  }
}
terminal.close();

async function run(
  request: { input: Record<string, unknown> } | { command: { resume: string } },
): Promise<void> {
  const stream = client.runs.stream(thread_id, "agent", { ...request, streamMode: "messages-tuple" });
  process.stdout.write("agent: ");
  for await (const { event, data } of stream) {
    if (event === "messages") {
      const [{ type, content }] = data;
      if (type !== "tool" && typeof content === "string") process.stdout.write(content);
    }
  }
  process.stdout.write("\n");
}

async function openQuestion(): Promise<string | null> {
  const { tasks } = await client.threads.getState(thread_id);
  const [interrupt] = tasks.flatMap((task) => task.interrupts);
  return interrupt ? String((interrupt.value as { question: string }).question) : null;
}
