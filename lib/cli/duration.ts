// Durations as people write them.
import { UsageError } from './command.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `90s`, `1.5h` or `1h30m` (`0`, where none is an answer) as milliseconds. Throws UsageError that names the option. */
export function parseDuration(option: string, text: string, { orZero = false } = {}): number {
  if (orZero && /^0(ms|[smhd])?$/.test(text)) return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/gy)];
  const milliseconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
  if (parts.map(([part]) => part).join('') !== text || !(milliseconds > 0)) {
    throw new UsageError(`--${option}: expected a duration such as 90s, 15m or 1h30m, got ${JSON.stringify(text)}`);
  }
  return milliseconds;
}
