// Writes items.csv and items.jsonl side by side from one stream of rows, each whole or not at all.
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Location } from '../contract/location.ts';
import type { Store } from '../store/store.ts';
import { csvHeader, csvRow } from './csv.ts';
import type { KeyRow } from './each-key-once.ts';
import type { ItemRow } from './item-row.ts';
import { ITEMS_CSV, ITEMS_JSONL } from './summary.ts';

/** Writes both files, and shows `see` each row. `bucket` is the source's, for the first column. */
export async function writeItems(
  store: Store,
  folder: Location,
  bucket: string,
  rows: AsyncIterable<readonly KeyRow[]>,
  see: (row: ItemRow) => void,
): Promise<void> {
  const csv = openFile(store, folder.prefix + ITEMS_CSV, 'text/csv; charset=utf-8');
  const jsonl = openFile(store, folder.prefix + ITEMS_JSONL, 'application/jsonl');
  try {
    await csv.write(csvHeader());
    for await (const batch of rows) {
      for (const { row } of batch) see(row);
      await csv.write(batch.map(({ row }) => csvRow(bucket, row)).join(''));
      await jsonl.write(batch.map(({ line }) => `${line}\n`).join(''));
    }
    await Promise.all([csv.end(), jsonl.end()]);
  } catch (error) {
    await Promise.all([csv.abandon(error as Error), jsonl.abandon(error as Error)]);
    throw error;
  }
}

/** A file that is written bit by bit while the store saves it. */
function openFile(store: Store, key: string, contentType: string) {
  // Text stays text up to the store: each copy on the way would be garbage outside the heap.
  const stream = new PassThrough({ objectMode: true, highWaterMark: 4 });
  const saved = store.save(key, stream, { contentType });
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
