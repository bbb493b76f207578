// The end of a run in a few lines: what happened to every key, where the account is, and how to carry on.

import { printable } from '../../lambda/report/printable.ts';
import { RUN_STATUSES } from '../../lambda/report/status.ts';
import type { Summary } from '../../lambda/report/summary.ts';
import { isLeft, pageLine, partOf, resumeCommand, skipWords, stopReason, unlisted } from '../../lambda/report/text.ts';
import { formatBytes, formatCount, formatDuration } from '../../lambda/report/units.ts';

/** The lines, ending in a line feed. `done` is how many keys this attempt did, which a continued run's account does not tell. */
export function summaryText(summary: Summary, done: number): string {
  const { status, counts, skipped, errors, bytes, time, check, report, firstFailure } = summary;
  // What was never touched took no time.
  const part = done === counts.total ? '' : `${formatCount(done)} of `;
  const keys = `${part}${formatCount(counts.total)} ${counts.total === 1 ? 'key' : 'keys'}`;
  const rate = time.wallMilliseconds === 0 ? 0 : (done / time.wallMilliseconds) * 1000;
  const speed = `${formatCount(Number(rate.toPrecision(3)))}/s`;
  const { title } = RUN_STATUSES[status];
  const why = stopReason(summary);
  const beyond = unlisted(summary);
  const width = formatCount(counts.total).length;
  const state = (name: 'succeeded' | 'skipped' | 'failed' | 'pending', why: string) =>
    `  ${formatCount(counts[name]).padStart(width)} ${name}${why === '' ? '' : `: ${why}`}`;
  return [
    `${title}: ${keys} in ${formatDuration(time.wallMilliseconds)}, ${speed}; read ${formatBytes(bytes.in)}, wrote ${formatBytes(bytes.out)}`,
    ...partOf(summary.job),
    state('succeeded', ''),
    state(
      'skipped',
      list(Object.entries(skipped).map(([reason, count]) => `${formatCount(count)} ${skipWords(reason)}`)),
    ),
    state('failed', list(errors.map(({ name, count }) => `${formatCount(count)} ${printable(name)}`))),
    state('pending', ''),
    ...(firstFailure === undefined
      ? []
      : [`First failure: ${printable(firstFailure.key)}\n  ${failureLine(firstFailure)}`]),
    ...(why === undefined ? [] : [`Stopped by: ${why}`]),
    ...(check.balanced
      ? []
      : ['This account does not add up:', ...check.problems.map((problem) => `  ${printable(problem)}`)]),
    ...(beyond === undefined ? [] : [beyond]),
    `Account: ${report}`,
    ...pageLine(summary),
    ...(isLeft(summary) ? [`What is left: ${resumeCommand(summary)}`] : []),
    '',
  ].join('\n');
}

function list(parts: readonly string[]): string {
  return parts.join(', ');
}

/** Class and reason of a failure in one line that a terminal can show. */
export function failureLine({ error, message }: { readonly error: string; readonly message: string }): string {
  return printable(`${error}: ${message.replace(/\s*\n\s*/g, ' ')}`);
}
