// Counts rows as they stream by: everything in a summary that is a sum, a maximum or a percentile.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { outputTotals, type StageTimes } from '../contract/outcome.ts';
import { createBreakdown } from './breakdown.ts';
import { adviceOn } from './hints.ts';
import { type ItemRow, shortened } from './item-row.ts';
import { STAGES, type Summary } from './summary.ts';

/** Memory must not follow the number of failures, nor of classes that foreign code may make up. */
const MOST_EXAMPLES = 5;
const MOST_CLASSES = 100;
const MOST_SLOWEST = 10;
const MOST_MESSAGE = 500;

export type Tally = Pick<
  Summary,
  | 'counts'
  | 'skipped'
  | 'errors'
  | 'bytes'
  | 'outputs'
  | 'milliseconds'
  | 'slowest'
  | 'firstFailure'
  | 'largest'
  | 'distribution'
  | 'formats'
  | 'renditions'
> & {
  readonly busyMilliseconds: number;
  /** Of each attempt, what it has brought to its present state: the n-th for the n-th attempt. */
  readonly byAttempt: readonly AttemptTally[];
};

/** Keys that were done, one way or the other, and the bytes that were read for them. */
export interface AttemptTally {
  readonly keys: number;
  readonly bytesIn: number;
}

type FirstFailure = NonNullable<Summary['firstFailure']>;
interface ErrorGroup {
  count: number;
  readonly examples: Summary['errors'][number]['examples'];
}

/** A tally to which rows are added in input order, each key once. */
export function createTally() {
  const counts = { total: 0, succeeded: 0, skipped: 0, failed: 0, pending: 0 };
  const skipped: Record<string, number> = {};
  const errors = new Map<string, ErrorGroup>();
  const bytes = { in: 0, out: 0 };
  const outputs = { written: 0, upToDate: 0, keysNotListed: 0 };
  // Microseconds; https://nodejs.org/api/perf_hooks.html#class-recordablehistogram-extends-histogram is an HDR histogram.
  const histograms = Object.fromEntries(
    STAGES.map((stage) => [stage, createHistogram({ figures: 3, highest: 1e12 })]),
  ) as Record<keyof StageTimes, RecordableHistogram>;
  let slowest: Summary['slowest'] = [];
  let firstFailure: FirstFailure | undefined;
  let busyMilliseconds = 0;
  const breakdown = createBreakdown();
  const byAttempt: { keys: number; bytesIn: number }[] = [];

  function addFailure({ index, key, error, message, ended }: Extract<ItemRow, { status: 'failed' }>): void {
    const name = errors.has(error) || errors.size < MOST_CLASSES ? error : 'Other';
    const group = errors.get(name) ?? { count: 0, examples: [] };
    errors.set(name, group);
    group.count++;
    const short = shortened(message, MOST_MESSAGE);
    if (group.examples.length < MOST_EXAMPLES) group.examples.push({ index, key, message: short });
    const earlier =
      firstFailure === undefined || (ended !== undefined && (firstFailure.at === undefined || ended < firstFailure.at));
    if (earlier) firstFailure = { index, key, error, message: short, ...(ended === undefined ? {} : { at: ended }) };
  }

  function addTimes({ index, key }: ItemRow, ms: StageTimes): void {
    for (const stage of STAGES) {
      // A key that failed early has zeros for the stages that it did not reach.
      if (ms[stage] > 0) histograms[stage].record(Math.max(1, Math.round(ms[stage] * 1000)));
    }
    busyMilliseconds += ms.total;
    if (slowest.length === MOST_SLOWEST && ms.total <= (slowest.at(-1)?.milliseconds ?? 0)) return;
    const after = slowest.findIndex(({ milliseconds }) => milliseconds < ms.total);
    slowest.splice(after < 0 ? slowest.length : after, 0, { index, key, milliseconds: ms.total });
    slowest = slowest.slice(0, MOST_SLOWEST);
  }

  return {
    add(row: ItemRow): void {
      breakdown.add(row);
      counts.total++;
      counts[row.status]++;
      const attempt = byAttempt[row.attempt] ?? { keys: 0, bytesIn: 0 };
      byAttempt[row.attempt] = attempt;
      if (row.status !== 'pending') attempt.keys++;
      if (row.status === 'skipped') skipped[row.reason] = (skipped[row.reason] ?? 0) + 1;
      if (row.status === 'failed') addFailure(row);
      if (row.status !== 'succeeded' && row.status !== 'failed') return;
      bytes.in += row.source?.bytes ?? 0;
      attempt.bytesIn += row.source?.bytes ?? 0;
      if (row.ms !== undefined) addTimes(row, row.ms);
      if (row.status === 'failed') return;
      const { written, upToDate, bytes: out } = outputTotals(row);
      outputs.written += written;
      outputs.upToDate += upToDate;
      bytes.out += out;
      if (row.notListed !== undefined) outputs.keysNotListed++;
    },
    result: (): Tally => ({
      counts,
      skipped,
      errors: [...errors]
        .map(([name, group]) => ({ name, ...group, ...adviceOn(name) }))
        .map(({ name, count, transient, hint, examples }) => ({ name, count, transient, hint, examples }))
        .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)),
      ...(firstFailure === undefined ? {} : { firstFailure }),
      bytes,
      outputs,
      milliseconds: Object.fromEntries(
        STAGES.filter((stage) => histograms[stage].count > 0).map((stage) => [stage, percentilesOf(histograms[stage])]),
      ) as Tally['milliseconds'],
      slowest,
      ...breakdown.result(),
      busyMilliseconds: Math.round(busyMilliseconds),
      byAttempt,
    }),
  };
}

function percentilesOf(histogram: RecordableHistogram) {
  const milliseconds = (percentile: number) => histogram.percentile(percentile) / 1000;
  return { p50: milliseconds(50), p90: milliseconds(90), p99: milliseconds(99), max: histogram.max / 1000 };
}
