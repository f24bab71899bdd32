import { DockerError } from "../errors.ts";

export type StreamName = "stdout" | "stderr";

/** A part of what a container has written to one of its streams. */
export interface Frame {
  readonly stream: StreamName;
  readonly data: Buffer;
}

/** One byte for the stream, three unused, four for the length. */
const HEADER_BYTES = 8;

/** What the engine itself has to say about the answer, such as why it ends. */
const ENGINE_ERROR = 3;

/**
 * Takes the engine's answer for a container without a terminal apart. A message of the container is a frame, or
 * several when it is longer than the engine's buffer. What comes last and is not a whole frame is left out.
 *
 * @throws DockerError when the engine reports an error in place of a frame, or these are no frames
 */
export async function* readFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let parts: Buffer[] = [];
  let length = 0;
  let needed = HEADER_BYTES;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    // Joined only when a frame is whole: a large one would otherwise be copied with each of its chunks.
    if (length < needed) continue;
    const data = Buffer.concat(parts, length);
    let start = 0;
    for (;;) {
      needed = frameBytes(data, start);
      if (data.length - start < needed) break;
      yield toFrame(data, start, needed);
      start += needed;
    }
    parts = [data.subarray(start)];
    length = data.length - start;
  }
}

/** Length of the frame with its header; that of the header where the frame is not here yet. */
function frameBytes(data: Buffer, start: number): number {
  if (data.length - start < HEADER_BYTES) return HEADER_BYTES;
  const header = data.readUInt32BE(start);
  if ((header & 0x00ff_ffff) !== 0 || header >>> 24 > ENGINE_ERROR) {
    throw new DockerError("What the engine answers is no log of a container.");
  }
  return HEADER_BYTES + data.readUInt32BE(start + 4);
}

function toFrame(all: Buffer, start: number, bytes: number): Frame {
  const data = all.subarray(start + HEADER_BYTES, start + bytes);
  if (all[start] === ENGINE_ERROR) throw new DockerError(`Docker could not go on: ${data}`);
  return { stream: all[start] === 2 ? "stderr" : "stdout", data };
}
