import type { Duplex } from "node:stream";
import type { DockerEngine } from "../engine.ts";

export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly errors: NodeJS.WriteStream;
}

export interface AttachedCommand {
  readonly command: readonly string[];
  /** Null: that of the image. */
  readonly user: string | null;
  readonly environment: readonly string[];
  /** Whether the command gets a terminal, like in a shell. */
  readonly isTerminal: boolean;
}

/**
 * Runs a command in a container, with the input and output of this process.
 *
 * @returns its exit code
 */
export async function runAttached(
  docker: DockerEngine,
  id: string,
  { command, user, environment, isTerminal }: AttachedCommand,
  { input, output, errors }: Terminal,
): Promise<number> {
  const exec = await docker.getContainer(id).exec({
    Cmd: [...command],
    Env: [...environment],
    ...(user === null ? {} : { User: user }),
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: isTerminal,
  });
  const stream: Duplex = await exec.start({ hijack: true, stdin: true, Tty: isTerminal });
  const resize = () => void exec.resize({ h: output.rows, w: output.columns }).catch(() => undefined);
  if (isTerminal) {
    input.setRawMode?.(true);
    output.on("resize", resize);
    resize();
  }
  input.pipe(stream);
  try {
    if (isTerminal) for await (const chunk of stream) output.write(chunk as Buffer);
    else await demultiplex(stream, { output, errors });
  } finally {
    input.unpipe(stream);
    if (isTerminal) input.setRawMode?.(false);
    output.off("resize", resize);
    // Otherwise a terminal nobody types into would keep the process.
    input.pause();
    stream.destroy();
  }
  const { ExitCode: exitCode } = await exec.inspect();
  return exitCode ?? 1;
}

const HEADER = 8;
const STDERR = 2;

/** Takes the frames apart: one byte for the stream, three unused, four for the length, then the text. */
export async function demultiplex(
  stream: AsyncIterable<Uint8Array>,
  { output, errors }: { readonly output: NodeJS.WritableStream; readonly errors: NodeJS.WritableStream },
): Promise<void> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    let start = 0;
    while (rest.length - start >= HEADER) {
      const end = start + HEADER + rest.readUInt32BE(start + 4);
      if (rest.length < end) break;
      const target = rest[start] === STDERR ? errors : output;
      target.write(rest.subarray(start + HEADER, end));
      start = end;
    }
    rest = rest.subarray(start);
  }
}
