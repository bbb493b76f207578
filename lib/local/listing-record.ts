// The record of a Map Run's listing: every item with its position, on record before any child of it starts.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { directoryPath, isDirectory } from '../../lambda/contract/location.ts';
import { diskOf } from '../../lambda/store/disk.ts';
import type { Store } from '../../lambda/store/store.ts';
import type { Json } from '../states-language.ts';
import type { ReadItem } from './readers/items.ts';
import { StatesError, sentenceOf } from './states-error.ts';

/**
 * The format: files `ITEMS_0.jsonl.zst`, `ITEMS_1.jsonl.zst`, … beside the first attempt's result files, in order. Each
 * is a row of frames, and each frame is two of RFC 8878's: a skippable one that says how long the other is, and a
 * Zstandard frame with a checksum. So `zstdcat` reads them, a torn tail is known as such, and each frame can be appended.
 * A line is `[position,value]`, or `[position,value,key]` of an object's member; `[count]` says that the listing ended.
 */
const SKIPPABLE = 0x184d2a50;
const HEADER = 12;

/**
 * Pages that gather on S3 for one object: a million keys are some forty objects. A run whose children wait gets the first
 * page at once, then two, and so on: else keys that are done at a glance would make an object of each page.
 */
const MOST_PAGES = 32;

/** An item and its place in the input order. */
export interface RecordedItem extends ReadItem {
  readonly position: number;
}

export interface ListingRecord {
  /** The items on record in groups. Throws a StatesError when the record itself is damaged before its end. */
  replay(): AsyncGenerator<readonly RecordedItem[]>;
  /** Known once `replay` has gone through: how many items are on record, the last one, and whether those are all. */
  state(): { readonly count: number; readonly last?: ReadItem; readonly ended: boolean };
  /** Adds pages as they come, and answers each once it is on record. `idle` says that children wait for it. */
  recorded(pages: AsyncIterable<readonly ReadItem[]>, idle: () => boolean): AsyncGenerator<readonly RecordedItem[]>;
  /** Whether there is any record at all. */
  exists(): boolean;
}

/** Opens the record in a Map Run's folder (`prefix` ends in `/`). Nothing is written yet. */
export async function openListingRecord(
  store: Store,
  { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
): Promise<ListingRecord> {
  let files = 0;
  while ((await store.head(keyOf(prefix, files))) !== undefined) files += 1;
  const found = files;
  let count = 0;
  let last: ReadItem | undefined;
  let ended = false;

  function position(items: readonly ReadItem[]): readonly RecordedItem[] {
    const first = count;
    count += items.length;
    last = items.at(-1) ?? last;
    return items.map((item, place) => ({ position: first + place, ...item }));
  }

  return {
    exists: () => found > 0,
    state: () => ({ count, ended, ...(last === undefined ? {} : { last }) }),
    async *replay() {
      for (let file = 0; file < found; file += 1) {
        for await (const lines of framesOf(await store.open(keyOf(prefix, file)))) {
          const items: ReadItem[] = [];
          for (const line of lines) {
            const at = count + items.length;
            if (line[0] !== at || ended) throw damaged(keyOf(prefix, file), at, line[0]);
            if (line.length === 1) ended = true;
            else items.push(line.length === 2 ? { value: line[1] } : { value: line[1], key: line[2] });
          }
          if (items.length > 0) yield position(items);
        }
      }
    },
    async *recorded(pages, idle) {
      const append = isDirectory({ bucket })
        ? appending(join(directoryPath({ bucket }), keyOf(prefix, files)))
        : { write: (frame: Buffer) => put(store, keyOf(prefix, files++), frame), close: async () => {} };
      const most = isDirectory({ bucket }) ? 1 : MOST_PAGES;
      let gathered: (readonly RecordedItem[])[] = [];
      let written = 0;
      try {
        let failure: { readonly error: unknown } | undefined;
        try {
          for await (const page of pages) {
            gathered.push(position(page));
            if (gathered.length < (idle() ? Math.min(most, written + 1) : most)) continue;
            const items = gathered.flat();
            gathered = [];
            written += 1;
            await append.write(frameOf(items.map(lineOf).join('')));
            yield items;
          }
        } catch (error) {
          // What came before a listing broke off is as good as the rest.
          if (gathered.length === 0) throw error;
          failure = { error };
        }
        const rest = gathered.flat();
        const end = failure === undefined ? `[${count}]\n` : '';
        await append.write(frameOf(`${rest.map(lineOf).join('')}${end}`));
        ended = failure === undefined;
        if (rest.length > 0) yield rest;
        if (failure !== undefined) throw failure.error;
      } finally {
        await append.close();
      }
    },
  };
}

function keyOf(prefix: string, file: number): string {
  return `${prefix}ITEMS_${file}.jsonl.zst`;
}

function lineOf({ position, value, key }: RecordedItem): string {
  return `[${position},${JSON.stringify(value)}${key === undefined ? '' : `,${JSON.stringify(key)}`}]\n`;
}

type Line = readonly [number] | readonly [number, Json] | readonly [number, Json, string];

function frameOf(lines: string): Buffer {
  const compressed = zstdCompressSync(lines, {
    params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  const header = Buffer.allocUnsafe(HEADER);
  header.writeUInt32LE(SKIPPABLE, 0);
  header.writeUInt32LE(4, 4);
  header.writeUInt32LE(compressed.length, 8);
  return Buffer.concat([header, compressed]);
}

/** The lines of each whole frame: from the first that is torn or damaged on, the rest of the file counts as not written. */
async function* framesOf(content: Readable): AsyncGenerator<readonly Line[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of content as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < HEADER) break;
      if (rest.readUInt32LE(0) !== SKIPPABLE || rest.readUInt32LE(4) !== 4) return;
      const end = HEADER + rest.readUInt32LE(8);
      if (rest.length < end) break;
      const text = decompressed(rest.subarray(HEADER, end));
      if (text === undefined) return;
      rest = rest.subarray(end);
      yield JSON.parse(`[${text.trimEnd().replaceAll('\n', ',')}]`) as Line[];
    }
  }
}

function decompressed(frame: Buffer): string | undefined {
  try {
    return zstdDecompressSync(frame).toString();
  } catch {
    return undefined;
  }
}

/** Appends to a file of its own: an earlier attempt's file may end in a torn frame. */
function appending(path: string) {
  const disk = diskOf(dirname(path));
  let descriptor: number | undefined;
  return {
    async write(frame: Buffer): Promise<void> {
      try {
        if (descriptor === undefined) {
          await mkdir(dirname(path), { recursive: true });
          // Exclusive: the record of another process is not added to.
          descriptor = await disk.open(path, 'ax');
        }
        await disk.write(descriptor, frame);
      } catch (error) {
        throw unwritten(error);
      }
    },
    async close(): Promise<void> {
      if (descriptor !== undefined) await disk.close(descriptor);
      descriptor = undefined;
    },
  };
}

async function put(store: Store, key: string, frame: Buffer): Promise<void> {
  try {
    await store.write(key, frame, { contentType: 'application/zstd' });
  } catch (error) {
    throw unwritten(error);
  }
}

function unwritten(error: unknown): StatesError {
  return new StatesError('States.ResultWriterFailed', `The listing could not be put on record. ${sentenceOf(error)}`);
}

function damaged(key: string, expected: number, got: unknown): StatesError {
  const cause = `The record of the listing is damaged: expected the item at position ${expected} in ${key}, got ${got}`;
  return new StatesError('States.ItemReaderFailed', cause);
}
