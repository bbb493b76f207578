// Counts rows as they stream by: everything in a summary that is a sum, a maximum or a percentile.
import { outputTotals, type StageTimes } from '../contract/outcome.ts';
import { type BreakdownState, createBreakdown } from './breakdown.ts';
import { adviceOn } from './hints.ts';
import { createHistogram, type Histogram, type HistogramState } from './histogram.ts';
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

/** What a tally has counted, for a file. */
export interface TallyState
  extends Pick<Summary, 'counts' | 'skipped' | 'bytes' | 'outputs' | 'slowest' | 'firstFailure'> {
  readonly errors: readonly (readonly [name: string, group: ErrorGroup])[];
  readonly histograms: Readonly<Record<keyof StageTimes, HistogramState>>;
  readonly busyTenths: number;
  readonly breakdown: BreakdownState;
  readonly byAttempt: readonly (AttemptTally | null)[];
}

/** A tally to which rows are added in input order, each key once. */
export function createTally() {
  const counts = { total: 0, succeeded: 0, skipped: 0, failed: 0, pending: 0 };
  const skipped: Record<string, number> = {};
  const errors = new Map<string, ErrorGroup>();
  const bytes = { in: 0, out: 0 };
  const outputs = { written: 0, upToDate: 0, keysNotListed: 0 };
  // Microseconds.
  const histograms = Object.fromEntries(STAGES.map((stage) => [stage, createHistogram()])) as Record<
    keyof StageTimes,
    Histogram
  >;
  let slowest: Summary['slowest'] = [];
  let firstFailure: FirstFailure | undefined;
  // In tenths of a millisecond, so that sums are exact in any order.
  let busyTenths = 0;
  const breakdown = createBreakdown();
  const byAttempt: { keys: number; bytesIn: number }[] = [];

  function addFailure({ index, key, error, message, ended }: Extract<ItemRow, { status: 'failed' }>): void {
    const short = shortened(message, MOST_MESSAGE);
    addFailures(error, 1, [{ index, key, message: short }]);
    sawFailure({ index, key, error, message: short, ...(ended === undefined ? {} : { at: ended }) });
  }

  function addFailures(error: string, count: number, examples: ErrorGroup['examples']): void {
    const name = errors.has(error) || errors.size < MOST_CLASSES ? error : 'Other';
    const group = errors.get(name) ?? { count: 0, examples: [] };
    errors.set(name, group);
    group.count += count;
    group.examples.push(...examples.slice(0, MOST_EXAMPLES - group.examples.length));
  }

  function sawFailure(one: FirstFailure): void {
    const { at } = one;
    const earlier =
      firstFailure === undefined || (at !== undefined && (firstFailure.at === undefined || at < firstFailure.at));
    if (earlier) firstFailure = one;
  }

  function addTimes({ index, key }: ItemRow, ms: StageTimes): void {
    for (const stage of STAGES) {
      // A key that failed early has zeros for the stages that it did not reach.
      if (ms[stage] > 0) histograms[stage].record(Math.max(1, Math.round(ms[stage] * 1000)));
    }
    busyTenths += Math.round(ms.total * 10);
    keepSlowest({ index, key, milliseconds: ms.total });
  }

  function keepSlowest(one: Summary['slowest'][number]): void {
    if (slowest.length === MOST_SLOWEST && one.milliseconds <= (slowest.at(-1)?.milliseconds ?? 0)) return;
    const after = slowest.findIndex(({ milliseconds }) => milliseconds < one.milliseconds);
    slowest.splice(after < 0 ? slowest.length : after, 0, one);
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
    /** Adds what another tally of later keys has counted. */
    merge(other: TallyState): void {
      addNumbers(counts, other.counts);
      addNumbers(skipped, other.skipped);
      addNumbers(bytes, other.bytes);
      addNumbers(outputs, other.outputs);
      for (const [name, { count, examples }] of other.errors) addFailures(name, count, examples);
      if (other.firstFailure !== undefined) sawFailure(other.firstFailure);
      for (const stage of STAGES) histograms[stage].merge(other.histograms[stage]);
      for (const one of other.slowest) keepSlowest(one);
      busyTenths += other.busyTenths;
      breakdown.merge(other.breakdown);
      for (const [place, attempt] of other.byAttempt.entries()) {
        // JSON has null where there was nothing.
        if (attempt === null) continue;
        const own = byAttempt[place] ?? { keys: 0, bytesIn: 0 };
        byAttempt[place] = own;
        addNumbers(own, attempt);
      }
    },
    /** All of it as JSON, to be merged elsewhere. */
    state: (): TallyState => ({
      ...{ counts, skipped, bytes, outputs, slowest, busyTenths },
      errors: [...errors],
      ...(firstFailure === undefined ? {} : { firstFailure }),
      histograms: Object.fromEntries(
        STAGES.map((stage) => [stage, histograms[stage].state()]),
      ) as TallyState['histograms'],
      breakdown: breakdown.state(),
      byAttempt: Array.from(byAttempt, (one) => one ?? null),
    }),
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
        STAGES.filter((stage) => histograms[stage].count() > 0).map((stage) => [
          stage,
          percentilesOf(histograms[stage]),
        ]),
      ) as Tally['milliseconds'],
      slowest,
      ...breakdown.result(),
      busyMilliseconds: Math.round(busyTenths / 10),
      byAttempt,
    }),
  };
}

function percentilesOf(histogram: Histogram) {
  const milliseconds = (percentile: number) => histogram.percentile(percentile) / 1000;
  return { p50: milliseconds(50), p90: milliseconds(90), p99: milliseconds(99), max: histogram.max() / 1000 };
}

function addNumbers(own: object, other: object): void {
  const into = own as Record<string, number>;
  for (const [name, value] of Object.entries(other)) into[name] = (into[name] ?? 0) + value;
}
