// What a bench prints: a table of ratios with their spread, and whether the targets are met.
import { type Measured, median, speedRatios } from './rounds.ts';

/** `0.98 (0.96 to 1.01)`: the median, and the smallest and largest of the rounds. */
export function spread(values: readonly number[], digits = 2): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}

/** One line per contender: images a second, and the ratio to the reference, each with its spread over the rounds. */
export function printRatios(measured: readonly Measured[], referenceName: string, images: number): void {
  const reference = named(measured, referenceName);
  const rows = measured.map((own) => [
    own.name,
    spread(own.seconds.map((seconds) => images / seconds)),
    own === reference ? '1' : spread(speedRatios(own, reference)),
  ]);
  printTable([['', 'images/s', `ratio to ${referenceName}`], ...rows]);
}

export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    );
}

/** The measured one of that name. */
export function named(measured: readonly Measured[], name: string): Measured {
  const found = measured.find((one) => one.name === name);
  if (found === undefined) throw new Error(`No contender ${name} among ${measured.map((one) => one.name).join(', ')}`);
  return found;
}

/** Says whether a target is met; a missed one makes the process end with 1. */
export function judge(what: string, value: number, expected: { atLeast: number } | { atMost: number }): void {
  const [met, bound] =
    'atLeast' in expected
      ? [value >= expected.atLeast, `at least ${expected.atLeast}`]
      : [value <= expected.atMost, `at most ${expected.atMost}`];
  console.log(`${met ? 'met   ' : 'MISSED'} ${what}: ${value.toFixed(3)}, target ${bound}`);
  if (!met) process.exitCode = 1;
}
