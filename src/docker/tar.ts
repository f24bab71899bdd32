/** One file of an archive. */
export interface TarFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly content: Buffer;
  readonly isExecutable: boolean;
  /** Where it leads when it is a link, relative to its folder; its content is empty then. */
  readonly link?: string;
}

const BLOCK = 512;
const MAX_NAME = 100;

/**
 * Writes files as a tar archive, a piece at a time. Owner, group and times are all zero: the same files make the
 * same archive on every machine.
 */
export async function* packTar(files: Iterable<TarFile> | AsyncIterable<TarFile>): AsyncGenerator<Buffer> {
  const folders = new Set<string>();
  for await (const file of files) {
    for (const folder of foldersOf(file.path)) {
      if (folders.has(folder)) continue;
      folders.add(folder);
      yield* entry(folder, { type: "5", mode: 0o755, content: Buffer.alloc(0) });
    }
    const { content, link = "" } = file;
    const mode = file.isExecutable ? 0o755 : 0o644;
    yield* entry(
      file.path,
      link === "" ? { type: "0", mode, content } : { type: "2", mode: 0o777, content, link },
    );
  }
  yield Buffer.alloc(2 * BLOCK);
}

const foldersOf = (path: string): string[] =>
  path
    .split("/")
    .slice(0, -1)
    .map((_, index, parts) => `${parts.slice(0, index + 1).join("/")}/`);

interface Entry {
  readonly type: string;
  readonly mode: number;
  readonly content: Buffer;
  readonly link?: string;
}

function* entry(path: string, { type, mode, content, link = "" }: Entry): Generator<Buffer> {
  const tooLong = Object.entries({ path, linkpath: link }).filter(
    ([, name]) => Buffer.byteLength(name) > MAX_NAME,
  );
  if (tooLong.length > 0) {
    // Names that do not fit are told in an entry of its own, which comes first.
    const record = Buffer.from(tooLong.map(([key, name]) => toPaxRecord(key, name)).join(""));
    yield header("PaxHeader", { type: "x", mode: 0o644, size: record.length, link: "" });
    yield* padded(record);
  }
  yield header(path, { type, mode, size: content.length, link });
  yield* padded(content);
}

function* padded(content: Buffer): Generator<Buffer> {
  if (content.length === 0) return;
  yield content;
  const rest = content.length % BLOCK;
  if (rest > 0) yield Buffer.alloc(BLOCK - rest);
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function toPaxRecord(key: string, value: string): string {
  const length = Buffer.byteLength(` ${key}=${value}\n`);
  let total = length + String(length).length;
  if (String(total).length > String(length).length) total += 1;
  return `${total} ${key}=${value}\n`;
}

function header(
  path: string,
  { type, mode, size, link }: Omit<Required<Entry>, "content"> & { readonly size: number },
): Buffer {
  const block = Buffer.alloc(BLOCK);
  Buffer.from(path).copy(block, 0, 0, MAX_NAME);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write("        ", 148);
  block.write(type, 156);
  Buffer.from(link).copy(block, 157, 0, MAX_NAME);
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
