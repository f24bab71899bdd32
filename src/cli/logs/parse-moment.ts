const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Reads a moment: how long ago it was (`10m`, `1h30m`, `2d`), a time (`2026-11-22T10:00:00Z`, `2026-11-22`; without a
 * zone, that of this machine) or seconds since 1970.
 *
 * @returns seconds and nanoseconds since 1970, as the engine wants them; null when it is none of these
 */
export function parseMoment(text: string, nowMs: number): string | null {
  if (/^\d{1,11}(\.\d{1,9})?$/.test(text)) {
    const [seconds = "", fraction = ""] = text.split(".");
    return `${seconds}.${fraction.padEnd(9, "0")}`;
  }
  if (/^(\d+(\.\d+)?[smhd])+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
    const ago = parts.reduce(
      (sum, [, number, unit]) => sum + Number(number) * (UNIT_SECONDS[unit ?? ""] ?? 0),
      0,
    );
    return Math.max(0, nowMs / 1000 - ago).toFixed(9);
  }
  // Without a time, Date takes a day for one of Greenwich.
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00` : text;
  const match = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/i.exec(time);
  const epochMs = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3] ?? ""}`);
  return Number.isNaN(epochMs) ? null : `${Math.floor(epochMs / 1000)}.${(match?.[2] ?? "").padEnd(9, "0")}`;
}
