// Sizes, durations and counts as a person reads them.

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Bytes in decimal units with three digits: `1.23 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would be shown as 1000.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : threeDigits(value)} ${BYTE_UNITS[unit]}`;
}

/** Milliseconds in the unit that suits them: `340 ms`, `12.3 s`, `4 min 5 s`, `2 h 7 min`, `3 d 4 h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${threeDigits(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${threeDigits(milliseconds / 1000)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Dollars: `$12.97`, `$1,122` from 100 on, and below a cent as many places as two digits take: `$0.00031`. */
export function formatDollars(dollars: number): string {
  if (dollars >= 99.995) return `$${dollars.toLocaleString('en-US', { maximumFractionDigits: 0 })}`;
  if (dollars >= 0.00995 || dollars === 0) return `$${dollars.toFixed(2)}`;
  return `$${dollars.toLocaleString('en-US', { maximumSignificantDigits: 2 })}`;
}

/** A whole number with its thousands apart. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

function threeDigits(value: number): string {
  return String(Number(value.toPrecision(3)));
}
