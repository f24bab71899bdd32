import { interrupt } from "@langchain/langgraph";
import { tool } from "langchain";
import { z } from "zod";

const OPERATIONS = {
  "+": (a: number, b: number) => a + b,
  "-": (a: number, b: number) => a - b,
  "*": (a: number, b: number) => a * b,
  "/": (a: number, b: number) => a / b,
};

export const calculator = tool(
  ({ a, operator, b }) => `${a} ${operator} ${b} = ${OPERATIONS[operator](a, b)}`,
  {
    name: "calculator",
    description: "Calculates with two numbers.",
    schema: z.object({ a: z.number(), operator: z.enum(["+", "-", "*", "/"]), b: z.number() }),
  },
);

export const currentTime = tool(() => new Date().toISOString(), {
  name: "current_time",
  description: "The current date and time in UTC, ISO 8601.",
  schema: z.object({}),
});

export const sendEmail = tool(
  ({ to, text }) => {
    // Pauses the run until somebody resumes it. On resume the tool starts again from its first line, so
    // nothing that must happen only once may stand above interrupt().
    const decision = interrupt<{ question: string }, string>({
      question: `Send "${text}" to ${to}? (yes/no)`,
    });
    if (decision !== "yes") return "The user did not approve it; nothing was sent.";

    // This is where your mail service would be called.
    return `Sent to ${to}.`;
  },
  {
    name: "send_email",
    description: "Sends an e-mail after the user approved it.",
    schema: z.object({ to: z.string(), text: z.string() }),
  },
);
