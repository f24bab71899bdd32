import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { DockerEngine } from "./engine.ts";

/** Writes an image to an archive, as `docker save` does. What is there is replaced once the archive is whole. */
export async function saveImage(
  docker: DockerEngine,
  image: string,
  { file, signal }: { readonly file: string; readonly signal: AbortSignal },
): Promise<void> {
  const unfinished = `${file}.part`;
  try {
    await pipeline(await docker.getImage(image).get(), createWriteStream(unfinished), { signal });
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
}
