// One part of the items: the rows of all ranges merged, each key once, as compressed files.
import { once } from 'node:events';
import { constants, createZstdCompress, zstdDecompressSync } from 'node:zlib';
import { FanoutError } from '../../contract/errors.ts';
import { together } from '../../contract/together.ts';
import type { PreparedJob } from '../../job/prepared.ts';
import type { Store } from '../../store/store.ts';
import { csvHeader, csvRow } from '../csv.ts';
import { eachKeyOnce, type Gaps } from '../each-key-once.ts';
import { createSample } from '../page/sample.ts';
import { merge, type Row, rowsOf } from '../sorter.ts';
import { itemsPart } from '../summary.ts';
import { createTally } from '../tally.ts';
import { FILES, type PartTask, packBitmap, type Work, type WrittenPart, writeWork } from './work.ts';

/** Bytes of the largest frame of rows; a row that is larger has a frame of its own. */
const FRAME_SPACE = 128 * 1024;

/**
 * Writes the part's two files, and then what is known of it. Done again, it writes the same. Throws where the rows are not
 * as many as the ranges have written.
 */
export async function writePart(
  store: Store,
  work: Work,
  task: PartTask,
  places: number,
  job: PreparedJob,
): Promise<void> {
  const { part, first } = task;
  const gaps: Gaps = { missing: 0, conflicts: 0 };
  const tally = createTally();
  const sample = createSample();
  const bits = new Uint8Array(Math.ceil(places / 8));
  let read = 0;
  const counted = async function* (rows: AsyncIterable<readonly Row[]>): AsyncGenerator<readonly Row[]> {
    for await (const batch of rows) {
      read += batch.length;
      yield batch;
    }
  };
  const sources = await together(
    task.ranges,
    async (range) => (await store.read(work.prefix + FILES.rows(part, range))).body,
  );
  const rows = eachKeyOnce(counted(merge(sources.map(rowsIn))), gaps, first);
  const csv = openCompressed(store, work.folder.prefix + itemsPart(part, 'csv'));
  const jsonl = openCompressed(store, work.folder.prefix + itemsPart(part, 'jsonl'));
  try {
    await csv.write(csvHeader());
    for await (const batch of rows) {
      for (const { row } of batch) {
        tally.add(row);
        sample.add(row);
        const place = row.index - first;
        bits[place >> 3] = (bits[place >> 3] ?? 0) | (1 << (place & 7));
      }
      await csv.write(batch.map(({ row }) => csvRow(job.source.bucket, row)).join(''));
      await jsonl.write(batch.map(({ line }) => `${line}\n`).join(''));
    }
    if (read !== task.rows)
      throw new FanoutError('UnexpectedError', `part ${part}: expected ${task.rows} rows from its ranges, got ${read}`);
    await csv.end();
    await jsonl.end();
  } catch (error) {
    await csv.abandon(error as Error);
    await jsonl.abandon(error as Error);
    throw error;
  }
  await writeWork(store, work, FILES.written(part), {
    ...{ part, first, conflicts: gaps.conflicts, tally: tally.state(), bitmap: packBitmap(bits) },
    sample: sample.rows().map((row) => JSON.stringify(row)),
  } satisfies WrittenPart);
}

async function* rowsIn(body: Buffer): AsyncGenerator<readonly Row[]> {
  for (let at = 0; at < body.length; ) {
    const end = at + 4 + body.readUInt32LE(at);
    yield rowsOf(zstdDecompressSync(body.subarray(at + 4, end), { chunkSize: FRAME_SPACE }));
    at = end;
  }
}

/** A compressed file that is written bit by bit while the store saves it. */
function openCompressed(store: Store, key: string) {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const saved = store.save(key, stream, { contentType: 'application/zstd' });
  // Both are waited for in write, end and abandon; until then neither may count as unhandled.
  saved.catch(() => {});
  stream.on('error', () => {});
  return {
    async write(text: string): Promise<void> {
      // A save that fails no longer drains the stream.
      if (!stream.write(text)) await Promise.race([once(stream, 'drain'), saved]);
    },
    async end(): Promise<void> {
      stream.end();
      await saved;
    },
    async abandon(error: Error): Promise<void> {
      stream.destroy(error);
      await saved.catch(() => {});
    },
  };
}
