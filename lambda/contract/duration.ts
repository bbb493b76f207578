// Durations as people write them: `90s`, `1.5h`, `1h30m`.

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads a duration as milliseconds. Undefined for a text that is none, and for none at all: `0s` is no duration. */
export function durationOf(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/gy)];
  const milliseconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
  return parts.map(([part]) => part).join('') === text && milliseconds > 0 ? milliseconds : undefined;
}

/** What would have been one, for an error's sentence. */
export const A_DURATION = 'a duration such as 90s, 15m or 1h30m';
