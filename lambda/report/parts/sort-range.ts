// One range of a result file in; out, its rows in input order, one file for each part of the items that they are of.
import { constants, zstdCompressSync } from 'node:zlib';
import type { PreparedJob } from '../../job/prepared.ts';
import type { Store } from '../../store/store.ts';
import { collectRecords, hasTimeline } from '../collect.ts';
import { createLedger } from '../ledger.ts';
import { createSorter, packed, type Row } from '../sorter.ts';
import { createTimeline } from '../timeline.ts';
import { linesIn } from './ranges.ts';
import { FILES, type NumberedRange, type Plan, type SortedRange, type Work, writeWork } from './work.ts';

/** Rows of a range that are sorted in memory: more than the records of 64 MB make. */
const SORTED_IN_MEMORY = 48 * 1024 * 1024;

/** Writes the rows of a range, and what was found in it. Done again, it writes the same. */
export async function sortRange(
  store: Store,
  work: Work,
  range: NumberedRange,
  job: PreparedJob,
  { attempts, places }: Pick<Plan, 'attempts' | 'places'>,
  signal?: AbortSignal,
): Promise<void> {
  const sorter = createSorter({ chunkBytes: SORTED_IN_MEMORY });
  const timeline = hasTimeline(range.attempt, attempts.length) ? createTimeline() : undefined;
  const ledger = job.deployment === undefined ? undefined : createLedger(job.deployment.memory);
  try {
    const bytes = linesIn(store, range, signal);
    const seen = await collectRecords(bytes, range.format, range.attempt, job, sorter.add, {
      timeline,
      onRecord: ledger?.add,
    });
    const rows: [number, number][] = [];
    for await (const { part, count, body } of byPart(sorter.sorted(), places)) {
      await store.write(work.prefix + FILES.rows(part, range.number), body);
      rows.push([part, count]);
    }
    await writeWork(store, work, FILES.sorted(range.number), {
      number: range.number,
      // Only the last line of a file can be unfinished.
      seen: range.last ? seen : { ...seen, torn: 0, unreadable: seen.unreadable + seen.torn },
      rows,
      ...(timeline === undefined ? {} : { timeline: timeline.state() }),
      ...(ledger === undefined ? {} : { ledger: ledger.state() }),
    } satisfies SortedRange);
  } finally {
    await sorter.close();
  }
}

/** Cuts sorted rows where the next part begins. */
async function* byPart(
  sorted: AsyncIterable<readonly Row[]>,
  places: number,
): AsyncGenerator<{ readonly part: number; readonly count: number; readonly body: Buffer }> {
  let part = -1;
  let rows: Row[][] = [];
  let count = 0;
  let frames: Buffer[] = [];
  const pack = async (): Promise<void> => {
    for await (const piece of packed(eachOf(rows))) frames.push(framed(piece));
    rows = [];
  };
  for await (const batch of sorted) {
    for (let at = 0; at < batch.length; ) {
      const next = Math.floor((batch[at]?.index ?? 0) / places);
      if (next !== part) {
        await pack();
        if (count > 0) yield { part, count, body: Buffer.concat(frames) };
        [part, count, frames] = [next, 0, []];
      }
      const end = batch.findIndex(({ index }, place) => place > at && index >= (part + 1) * places);
      const mine = batch.slice(at, end < 0 ? batch.length : end);
      rows.push(mine);
      count += mine.length;
      at += mine.length;
    }
    if (rows.length >= BATCHES) await pack();
  }
  await pack();
  if (count > 0) yield { part, count, body: Buffer.concat(frames) };
}

/** Batches of the sorter, of a few hundred rows each, that become frames at once. */
const BATCHES = 8;

async function* eachOf<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

function framed(piece: Buffer): Buffer {
  const compressed = zstdCompressSync(piece, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(compressed.length);
  return Buffer.concat([length, compressed]);
}
