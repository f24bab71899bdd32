/**
 * Puts several sequences that are in order of time together into one. Holds one value of each.
 * Values with the same time stay in the order of their sequences.
 */
export async function* mergeByTime<T extends { readonly at: string }>(
  sequences: readonly AsyncIterator<T>[],
): AsyncGenerator<T> {
  const heads = await Promise.all(sequences.map((sequence) => sequence.next()));
  for (;;) {
    let first = -1;
    for (const [index, head] of heads.entries()) {
      if (head.done) continue;
      const earliest = heads[first];
      if (earliest === undefined || earliest.done || head.value.at < earliest.value.at) first = index;
    }
    const head = heads[first];
    const sequence = sequences[first];
    if (head === undefined || head.done || sequence === undefined) return;
    yield head.value;
    heads[first] = await sequence.next();
  }
}
