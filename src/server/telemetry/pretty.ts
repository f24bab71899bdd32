import pinoPretty from "pino-pretty";

/** Writes log lines for people, in this thread: a worker thread would lose the last ones at exit. */
export const pretty = () =>
  pinoPretty({
    colorize: process.stdout.isTTY && process.stdout.hasColors(),
    ignore: "pid,hostname",
    translateTime: "SYS:HH:MM:ss",
    singleLine: true,
    sync: true,
  });
