#!/usr/bin/env node
// Plain JavaScript that any Node can parse: an old one must reach the message below, not a SyntaxError.
import process from "node:process";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `aegra needs Node.js 22.19 or newer, and this is ${process.versions.node}. See https://nodejs.org`,
  );
  process.exit(1);
}

// `aegra … | head` closes our stdout early; that is the reader's choice, not an error.
process.stdout.on("error", (error) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const { execute } = await import("@oclif/core");
await execute({ dir: import.meta.url });
