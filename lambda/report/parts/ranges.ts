// Cutting result files into ranges, each the work of one function: a record belongs to the range in which its line begins.
import type { Store } from '../../store/store.ts';
import type { ResultFiles } from '../run-folder.ts';

/** A piece of one result file. */
export interface Range {
  readonly key: string;
  readonly format: 'json' | 'jsonl';
  /** Which attempt it is of, from 0. */
  readonly attempt: number;
  /** Bytes: from the first one to before the last. */
  readonly from: number;
  readonly to: number;
  /** Whether the file ends with it. */
  readonly last: boolean;
}

/** All ranges of a run, in the order in which one function would read them. A file that is one array cannot be cut. */
export function rangesOf({ attempts }: ResultFiles, bytes: number): Range[] {
  return attempts.flatMap(({ files }, attempt) =>
    files.flatMap(({ key, format, bytes: size }) => {
      const step = format === 'json' ? Number.POSITIVE_INFINITY : bytes;
      const ranges: Range[] = [];
      for (let from = 0; from < size; from += step) {
        const to = Math.min(size, from + step);
        ranges.push({ key, format, attempt, from, to, last: to === size });
      }
      return ranges;
    }),
  );
}

const LINE_FEED = 10;

/** The bytes of the lines that begin in a range, however far the last of them goes beyond it. */
export async function* linesIn(
  store: Store,
  { key, from, to }: Pick<Range, 'key' | 'from' | 'to'>,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  // The byte before tells whether the first line begins here.
  const start = Math.max(0, from - 1);
  const stream = await store.open(key, { start, ...(signal === undefined ? {} : { signal }) });
  let at = start;
  let begun = from === 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let piece = chunk;
    if (!begun) {
      const feed = piece.indexOf(LINE_FEED);
      const skipped = feed < 0 ? piece.length : feed + 1;
      at += skipped;
      if (at >= to && feed >= 0) return;
      if (at >= to) return;
      piece = piece.subarray(skipped);
      begun = feed >= 0;
      if (piece.length === 0) continue;
    }
    // The last line that begins before `to` ends with the first line feed from the byte before it on.
    const end = at + piece.length < to ? -1 : piece.indexOf(LINE_FEED, Math.max(0, to - 1 - at));
    if (end >= 0) {
      yield piece.subarray(0, end + 1);
      return;
    }
    at += piece.length;
    yield piece;
  }
}
