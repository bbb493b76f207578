// Which keys the page shows, chosen in one pass over the account: the extremes, each format, failures of each class, and a fair few of all.
import { type OutputFacts, outputTotals } from '../../contract/outcome.ts';
import type { ItemRow } from '../item-row.ts';

type Row<Status extends ItemRow['status']> = Extract<ItemRow, { status: Status }>;

/** A key that is shown with its pictures, and why it was chosen. */
export interface Shown {
  readonly row: Row<'succeeded'>;
  readonly why: readonly string[];
}

/** A line of the table of keys. */
export interface KeyLine {
  readonly index: number;
  readonly key: string;
  readonly status: ItemRow['status'];
  /** Class of a failure, reason of a skip. */
  readonly what?: string;
  readonly format?: string;
  readonly width?: number;
  readonly height?: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly outputs?: number;
  readonly milliseconds?: number;
}

export interface Sample {
  /** With pictures, the extremes first. */
  readonly shown: readonly Shown[];
  /** Some failures of each class, classes in the order in which they were met. */
  readonly failed: ReadonlyMap<string, readonly Row<'failed'>[]>;
  /** In input order: all keys, or the failures and a fair few of the others. */
  readonly lines: readonly KeyLine[];
}

const MOST = { shown: 36, each: 3, perFormat: 2, formats: 16, classes: 40, perClass: 3, failedLines: 400, lines: 1200 };

/** A sample to which rows are added in input order. Memory does not follow their number; the same run gives the same sample. */
export function createSample() {
  const extremes: [why: string, kept: Kept<Row<'succeeded'>>][] = [
    ['largest saving', keep(MOST.each, (row) => saving(row))],
    ['smallest saving', keep(MOST.each, (row) => negative(saving(row)))],
    ['slowest', keep(MOST.each, (row) => row.ms.total)],
    ['largest output', keep(MOST.each, (row) => largestOutput(row)?.bytes)],
    ['least like its source', keep(MOST.each, (row) => negative(leastSsim(row)))],
    ['largest source', keep(MOST.each, (row) => row.source.bytes)],
  ];
  const formats = new Map<string, Kept<Row<'succeeded'>>>();
  const some = keep<Row<'succeeded'>>(MOST.shown, ({ index }) => fairness(index));
  const failed = new Map<string, Row<'failed'>[]>();
  const failedLines = keep<ItemRow>(MOST.failedLines, ({ index }) => fairness(index));
  const lines = keep<ItemRow>(MOST.lines, ({ index }) => fairness(index));

  function addFailed(row: Row<'failed'>): void {
    failedLines.add(row);
    const peers = failed.get(row.error) ?? [];
    if (peers.length < MOST.perClass && (failed.has(row.error) || failed.size < MOST.classes)) {
      failed.set(row.error, [...peers, row]);
    }
  }

  function addSucceeded(row: Row<'succeeded'>): void {
    for (const [, kept] of extremes) kept.add(row);
    some.add(row);
    for (const why of [
      `${row.source.format ?? ''} source`,
      ...new Set(row.outputs.flatMap(({ format, width }) => (width === undefined ? [] : `${format} output`))),
    ]) {
      if (!formats.has(why) && formats.size >= MOST.formats) continue;
      const kept = formats.get(why) ?? keep(MOST.perFormat, ({ index }) => fairness(index));
      formats.set(why, kept);
      kept.add(row);
    }
  }

  return {
    add(row: ItemRow): void {
      if (row.status === 'failed') addFailed(row);
      else if (fairness(row.index) > lines.least()) lines.add(row);
      if (row.status === 'succeeded') addSucceeded(row);
    },
    /** All rows that are kept for one reason or another, in input order: added to another sample, they stand for all of this one's. */
    rows(): ItemRow[] {
      const kept = [...extremes.map(([, one]) => one), ...formats.values(), some, failedLines, lines];
      const rows = [...kept.flatMap((one): readonly ItemRow[] => one.all()), ...[...failed.values()].flat()];
      return [...new Map(rows.map((row) => [row.index, row])).values()].sort((a, b) => a.index - b.index);
    },
    result(): Sample {
      const chosen = new Map<number, { row: Row<'succeeded'>; why: string[] }>();
      const choose = (row: Row<'succeeded'> | undefined, why?: string): void => {
        if (row === undefined || (!chosen.has(row.index) && chosen.size >= MOST.shown)) return;
        const one = chosen.get(row.index) ?? { row, why: [] };
        chosen.set(row.index, one);
        if (why !== undefined) one.why.push(why);
      };
      // Round by round, so that what is cut off is the third of each and not the last extreme.
      for (let place = 0; place < MOST.each; place++) {
        for (const [why, kept] of extremes) choose(kept.all()[place], why);
        for (const [why, kept] of formats) choose(kept.all()[place], why);
      }
      for (const row of some.all()) choose(row);
      return {
        shown: [...chosen.values()],
        failed,
        lines: [...failedLines.all(), ...lines.all()].sort((a, b) => a.index - b.index).map(lineOf),
      };
    },
  };
}

interface Kept<T> {
  add(one: T): void;
  /** The rank that must be passed to be kept. */
  least(): number;
  /** The highest first. */
  all(): readonly T[];
}

/** Keeps the few of highest rank; what has no rank is left out, and of equals the first comes first. */
function keep<T>(most: number, rankOf: (one: T) => number | undefined): Kept<T> {
  const ranks: number[] = [];
  const kept: T[] = [];
  const least = () => (kept.length < most ? Number.NEGATIVE_INFINITY : (ranks.at(-1) ?? Number.NEGATIVE_INFINITY));
  return {
    least,
    add(one) {
      const rank = rankOf(one);
      if (rank === undefined || (kept.length === most && rank <= least())) return;
      let [low, high] = [0, ranks.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((ranks[middle] ?? 0) >= rank) low = middle + 1;
        else high = middle;
      }
      ranks.splice(low, 0, rank);
      kept.splice(low, 0, one);
      if (kept.length > most) {
        ranks.pop();
        kept.pop();
      }
    },
    all: () => kept,
  };
}

/** The same number for the same place, and as good as random: who keeps the highest has a fair sample. */
function fairness(index: number): number {
  let hash = Math.imul(index ^ (index >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** The share of the source's bytes that its largest output saves; below 0 when that is larger. */
export function saving(row: Pick<Row<'succeeded'>, 'source' | 'outputs'>): number | undefined {
  const output = largestOutput(row);
  return output === undefined || row.source.bytes === 0 ? undefined : 1 - output.bytes / row.source.bytes;
}

/** The output with the most bytes that is an image. */
export function largestOutput({ outputs }: Pick<Row<'succeeded'>, 'outputs'>): OutputFacts | undefined {
  let largest: OutputFacts | undefined;
  for (const output of outputs) {
    if (output.width !== undefined && (largest === undefined || output.bytes > largest.bytes)) largest = output;
  }
  return largest;
}

function leastSsim({ outputs }: Row<'succeeded'>): number | undefined {
  const known = outputs.flatMap(({ ssim }) => ssim ?? []);
  return known.length === 0 ? undefined : Math.min(...known);
}

function negative(value: number | undefined): number | undefined {
  return value === undefined ? undefined : -value;
}

function lineOf(row: ItemRow): KeyLine {
  const { index, key, status } = row;
  if (status === 'skipped') return { index, key, status, what: row.reason };
  if (status === 'pending') return { index, key, status };
  const { format, width, height, bytes } = row.source ?? {};
  return {
    ...{ index, key, status },
    ...(status === 'failed' ? { what: row.error } : {}),
    ...(format === undefined ? {} : { format }),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(bytes === undefined ? {} : { bytesIn: bytes }),
    ...(row.ms === undefined ? {} : { milliseconds: row.ms.total }),
    ...(status === 'succeeded' ? { bytesOut: outputTotals(row).bytes, outputs: outputsOf(row) } : {}),
  };
}

function outputsOf(row: Row<'succeeded'>): number {
  const { written, upToDate } = outputTotals(row);
  return written + upToDate;
}
