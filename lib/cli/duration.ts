// Durations on the command line.
import { A_DURATION, durationOf } from '../../lambda/contract/duration.ts';
import { UsageError } from './command.ts';

/** Reads `90s`, `1.5h` or `1h30m` (`0`, where none is an answer) as milliseconds. Throws UsageError that names the option. */
export function parseDuration(option: string, text: string, { orZero = false } = {}): number {
  if (orZero && /^0(ms|[smhd])?$/.test(text)) return 0;
  const milliseconds = durationOf(text);
  if (milliseconds === undefined) {
    throw new UsageError(`--${option}: expected ${A_DURATION}, got ${JSON.stringify(text)}`);
  }
  return milliseconds;
}
