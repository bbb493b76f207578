// The progress as one line of text that fits the terminal.

import { printable } from '../../lambda/report/printable.ts';
import { formatBytes, formatCount, formatDuration } from '../../lambda/report/units.ts';
import { columnsOf, cut } from './columns.ts';
import type { Progress } from './progress.ts';

export type Paint = (style: 'red' | 'yellow' | 'dim', text: string) => string;

const BAR = 20;

/**
 * The line for a terminal of so many columns. Where it does not fit, the least wanted parts are left out: the bar, the
 * straggler, how many are at work, the bytes, the time to go.
 */
export function progressLine(progress: Progress, columns: number, paint: Paint): string {
  const parts = partsOf(progress);
  const fits = (chosen: readonly Part[]) => chosen.reduce((sum, { text }) => sum + columnsOf(text) + 2, -2) <= columns;
  let chosen = parts;
  for (const dropped of [...parts].sort((a, b) => b.rank - a.rank)) {
    if (fits(chosen)) break;
    if (dropped.rank > 0) chosen = chosen.filter((part) => part !== dropped);
  }
  let left = columns;
  const shown = chosen.map(({ text, style }) => {
    const fitting = cut(text, left);
    left = Math.max(0, left - columnsOf(fitting) - 2);
    return style === undefined || fitting === '' ? fitting : paint(style, fitting);
  });
  return shown.filter((text) => text !== '').join('  ');
}

/** The line for a log: everything, no bar, no colours. */
export function plainLine(progress: Progress): string {
  return partsOf(progress)
    .filter(({ rank }) => rank !== RANK_OF_BAR)
    .map(({ text }) => text)
    .join(', ');
}

interface Part {
  readonly text: string;
  /** The higher, the sooner left out; 0 stays. */
  readonly rank: number;
  readonly style?: 'red' | 'yellow' | 'dim';
}

const RANK_OF_BAR = 6;

function partsOf(progress: Progress): readonly Part[] {
  const { total, complete, doneBefore, succeeded, skipped, failed, inFlight } = progress;
  const { rate, eta, bytesIn, bytesOut, straggler, waiting } = progress;
  const done = doneBefore + succeeded + skipped + failed;
  const share = total === 0 ? 0 : done / total;
  return [
    ...(complete ? [{ text: bar(share), rank: RANK_OF_BAR }] : []),
    { text: `${formatCount(done)} of ${formatCount(total)}${complete ? '' : ', still listing'}`, rank: 0 },
    ...(failed > 0 ? [{ text: `${formatCount(failed)} failed`, rank: 0, style: 'red' as const }] : []),
    ...(waiting === undefined
      ? [{ text: `${formatCount(Number(rate.toPrecision(3)))}/s`, rank: 1 }]
      : [{ text: waitingText(waiting), rank: 1 }]),
    ...(waiting === undefined && inFlight > 0
      ? [{ text: `${formatCount(inFlight)} at once`, rank: 4, style: 'dim' as const }]
      : []),
    ...(eta === undefined ? [] : [{ text: `${formatDuration(Math.ceil(eta / 1000) * 1000)} to go`, rank: 2 }]),
    ...(bytesIn + bytesOut === 0
      ? []
      : [{ text: `${formatBytes(bytesIn)} in, ${formatBytes(bytesOut)} out`, rank: 3, style: 'dim' as const }]),
    ...(straggler === undefined || waiting !== undefined
      ? []
      : [
          {
            text: `slow: ${cut(printable(straggler.key), 40)} ${formatDuration(straggler.running)}`,
            rank: 5,
            style: 'yellow' as const,
          },
        ]),
  ];
}

/** What is waited for once nothing more is started: `waiting for 3: a.jpg, b.jpg and 1 more, 8 s at most`. */
function waitingText({ keys, children, atMost }: NonNullable<Progress['waiting']>): string {
  if (children === 0) return 'writing the account';
  const more = children - keys.length;
  const named = keys.map((key) => cut(printable(key), 40)).join(', ');
  const limit = atMost === undefined ? '' : `, ${formatDuration(Math.ceil(atMost / 1000) * 1000)} at most`;
  return `waiting for ${formatCount(children)}: ${named}${more > 0 ? ` and ${formatCount(more)} more` : ''}${limit}`;
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * BAR);
  return '█'.repeat(full) + '░'.repeat(BAR - full);
}
