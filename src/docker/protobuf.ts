/** A field of a message: a number for what is written as one, else its bytes. */
export type Field = number | Buffer;

/**
 * Takes a message of Protocol Buffers apart, without knowing its type.
 *
 * @returns the values of each field, by its number, in the order of the message
 */
export function readMessage(bytes: Buffer): ReadonlyMap<number, readonly Field[]> {
  const fields = new Map<number, Field[]>();
  let offset = 0;
  const readNumber = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[offset++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const readBytes = (length: number): Buffer => {
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  while (offset < bytes.length) {
    const key = readNumber();
    const value = {
      0: readNumber,
      1: () => readBytes(8),
      2: () => readBytes(readNumber()),
      5: () => readBytes(4),
    }[key % 8];
    if (value === undefined) throw new Error(`a field of unknown kind ${key % 8} in a message`);
    const number = Math.floor(key / 8);
    fields.set(number, [...(fields.get(number) ?? []), value()]);
  }
  return fields;
}

/** The first value of a field as text; empty when there is none. */
export const readText = (fields: ReadonlyMap<number, readonly Field[]>, number: number): string =>
  String(fields.get(number)?.[0] ?? "");

/** A message with one field of bytes. */
export function writeBytes(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}
