import type { Written } from "./log-mirror.ts";
import type { Redis } from "./redis.ts";

/** Tells the other processes what was written to a log in Redis, and is told of what they wrote. */
export interface RedisNotices extends Disposable {
  send(written: Written): void;
}

/** @param onWritten gets null when it is not known what was written */
export function openRedisNotices(
  redis: Redis,
  { instanceId, onWritten }: { instanceId: string; onWritten: (written: Written | null) => void },
): RedisNotices {
  const channel = `${redis.keyPrefix}written`;
  const listening = redis.listen(channel, (message) => {
    const { from, written } = message === null ? NOTHING : parse(message);
    if (from !== instanceId) onWritten(written);
  });
  return {
    send: (written) => redis.publish(channel, JSON.stringify({ from: instanceId, written })),
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  };
}

interface Message {
  readonly from: unknown;
  readonly written: Written | null;
}

const NOTHING: Message = { from: null, written: null };

/** Others may write to the channel too. */
function parse(message: string): Message {
  try {
    const { from, written } = JSON.parse(message) as Message;
    const isWritten = Array.isArray(written?.runs) && Array.isArray(written?.threads);
    return { from, written: isWritten ? written : null };
  } catch {
    return NOTHING; // It was not one of us, but somebody may look.
  }
}
