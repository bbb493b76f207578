// What `prune` has found or done, as lines of text.
import { printable } from '../../lambda/report/printable.ts';
import { formatBytes, formatCount } from '../../lambda/report/units.ts';
import { KEEP_REASONS, type KeepReason, REMOVE_REASONS, type Removal, type RemoveReason } from './prune-plan.ts';

/** The answer of `prune`: the last line of its JSON, and `summary.json` of its account. */
export interface PruneSummary {
  readonly version: 1;
  readonly prune: string;
  readonly source: string;
  readonly destination: string;
  /** Whether anything was to be removed, rather than shown. */
  readonly deletes: boolean;
  readonly looked: number;
  readonly planned: { readonly count: number; readonly bytes: number };
  readonly reasons: Readonly<Partial<Record<RemoveReason, number>>>;
  readonly kept: Readonly<Partial<Record<KeepReason, number>>>;
  /** What was removed, and what was kept after all, as it or its source had changed since it was planned. */
  readonly removed?: { readonly count: number; readonly bytes: number; readonly keptAfterAll: number };
  /** Why it ended before all was removed. */
  readonly error?: string;
  /** Where its account is. Absent where nothing was to be removed. */
  readonly account?: string;
}

/** The lines, ending in a line feed. */
export function pruneText(summary: PruneSummary, examples: readonly Removal[]): string {
  const { source, destination, deletes, looked, planned, reasons, kept, removed, error, account } = summary;
  const list = (of: object, words: Readonly<Record<string, string>>) =>
    Object.entries(of)
      .map(([name, count]) => `${formatCount(count)} ${words[name]}`)
      .join(', ');
  const why = list(reasons, REMOVE_REASONS);
  const more = planned.count - examples.length;
  const stays = looked - planned.count;
  return [
    `Of ${printable(source)} in ${printable(destination)}, of ${formatCount(looked)} objects:`,
    `  ${formatCount(planned.count)} no longer asked for, ${formatBytes(planned.bytes)}${why === '' ? '' : `: ${why}`}`,
    ...examples.map(({ key, reason }) => `    ${printable(key)} (${REMOVE_REASONS[reason]})`),
    ...(more > 0 ? [`    and ${formatCount(more)} more`] : []),
    `  ${formatCount(stays)} stay${stays === 0 ? '' : `: ${list(kept, KEEP_REASONS)}`}`,
    ...(removed === undefined
      ? [planned.count === 0 || deletes ? 'Nothing was removed.' : 'Nothing was removed: --delete does it.']
      : [
          `Removed ${formatCount(removed.count)}, ${formatBytes(removed.bytes)}${removed.keptAfterAll === 0 ? '' : `; ${formatCount(removed.keptAfterAll)} stay, as they or their sources have changed meanwhile`}`,
        ]),
    ...(error === undefined ? [] : [`Stopped by: ${printable(error)}`]),
    ...(account === undefined ? [] : [`Account: ${account}`]),
    '',
  ].join('\n');
}
