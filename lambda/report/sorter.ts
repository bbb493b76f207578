// An external merge sort of rows by index, so that an account of any length is put in input order in bounded memory.
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** A line of text and its place. */
export interface Row {
  /** A whole number from 0 to 2^32 - 1: a Map Run has at most 100 million items. */
  readonly index: number;
  readonly line: string;
}

export interface SorterOptions {
  /** Where chunks that do not fit in memory go. Default: the machine's temporary directory. */
  readonly directory?: string;
  /** Bytes held in memory before they become a chunk on disk. Default: 16 MiB. */
  readonly chunkBytes?: number;
  /** Most chunks merged at once. Default: 64, so that a million rows are merged once: each further merge costs memory, too. */
  readonly fanIn?: number;
}

export interface Sorter {
  /** Takes a row. Answers a promise when that has to wait for the disk. */
  add(row: Row): Promise<void> | undefined;
  /** All rows by index, in batches; those of one index are next to each other, in no given order. Ends the adding. */
  sorted(): AsyncIterable<readonly Row[]>;
  /** Removes what is on disk. */
  close(): Promise<void>;
}

/** Bytes of rows that are compressed, written and read at once. */
const FRAME = 64 * 1024;
/** Most rows of a chunk: with an index they must be exact in a double, and their places fit 16 bits. */
const MOST_ROWS = 2 ** 16;
/** Each row is index, length in bytes, text. */
const HEADER = 8;
/** Bytes and rows that there is room for at first: most runs are short, and V8 collects garbage for 20 ms when it is asked for megabytes. */
const FIRST_BLOCK = 64 * 1024;
const FIRST_ROWS = 256;

/**
 * Sorts rows by index. What fits in memory never touches the disk. Rows wait as bytes in one buffer, since strings that
 * wait would grow the heap; chunks are compressed, since a Lambda's disk is small. Measured against a node:sqlite table
 * with a million rows of result files (see docs/account.md).
 */
export function createSorter(options: SorterOptions = {}): Sorter {
  const { directory = tmpdir(), chunkBytes = 16 * 1024 * 1024, fanIn = 64 } = options;
  let block = Buffer.allocUnsafe(Math.min(chunkBytes, FIRST_BLOCK));
  let used = 0;
  let count = 0;
  /** index * MOST_ROWS + place: sorting the numbers sorts the rows. */
  let keys = new Float64Array(FIRST_ROWS);
  let starts = new Uint32Array(FIRST_ROWS);
  let folder: string | undefined;
  let chunks = 0;
  // Chunks of level n are merges of fanIn chunks of level n-1: a row is rewritten at most once per level.
  const levels: string[][] = [];

  /** Makes room for one more row, up to the bounds of a chunk. False when it is beyond them. */
  function hasRoom(line: string): boolean {
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    const needed = used + HEADER + line.length * 3;
    if (count === MOST_ROWS || needed > chunkBytes) return false;
    if (needed > block.length) {
      const larger = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(needed, 2 * block.length)));
      block.copy(larger, 0, 0, used);
      block = larger;
    }
    if (count === keys.length) {
      const [moreKeys, moreStarts] = [new Float64Array(2 * count), new Uint32Array(2 * count)];
      moreKeys.set(keys);
      moreStarts.set(starts);
      keys = moreKeys;
      starts = moreStarts;
    }
    return true;
  }

  function append({ index, line }: Row): void {
    keys[count] = index * MOST_ROWS + count;
    starts[count++] = used;
    const bytes = block.write(line, used + HEADER);
    block.writeUInt32LE(index, used);
    block.writeUInt32LE(bytes, used + 4);
    used += HEADER + bytes;
  }

  /** The rows in memory by index, in pieces of about FRAME bytes. A piece is valid until the next one is asked for. */
  function* pieces(): Generator<Buffer> {
    let piece = Buffer.allocUnsafe(FRAME);
    let bytes = 0;
    for (const key of keys.subarray(0, count).sort()) {
      const start = starts[key % MOST_ROWS] ?? 0;
      const end = start + HEADER + block.readUInt32LE(start + 4);
      if (bytes > 0 && bytes + end - start > piece.length) {
        yield piece.subarray(0, bytes);
        bytes = 0;
      }
      if (end - start > piece.length) piece = Buffer.allocUnsafe(end - start);
      bytes += block.copy(piece, bytes, start, end);
    }
    if (bytes > 0) yield piece.subarray(0, bytes);
  }

  async function write(frames: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<string> {
    folder ??= await mkdtemp(join(directory, 'image-fanout-sort-'));
    const path = join(folder, `${chunks++}`);
    const file = await open(path, 'w');
    try {
      for await (const frame of frames) await writeFrame(file, frame);
    } finally {
      await file.close();
    }
    return path;
  }

  async function keep(path: string, level: number): Promise<void> {
    const peers = levels[level] ?? [];
    levels[level] = peers;
    peers.push(path);
    if (peers.length < fanIn) return;
    const merged = await write(packed(merge(peers.map(readChunk))));
    await Promise.all(peers.splice(0).map((peer) => rm(peer)));
    await keep(merged, level + 1);
  }

  async function spill(): Promise<void> {
    await keep(await write(pieces()), 0);
    used = 0;
    count = 0;
  }

  async function addAfterSpill(row: Row): Promise<void> {
    await spill();
    if (!hasRoom(row.line)) {
      // Larger than a chunk: a chunk of its own.
      const needed = HEADER + Buffer.byteLength(row.line);
      if (needed > block.length) block = Buffer.allocUnsafe(needed);
    }
    append(row);
  }

  return {
    add(row) {
      return hasRoom(row.line) ? void append(row) : addAfterSpill(row);
    },
    sorted: () => merge([...levels.flat().map(readChunk), inMemory(pieces())]),
    async close() {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function writeFrame(file: FileHandle, frame: Buffer): Promise<void> {
  const compressed = zstdCompressSync(frame, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(compressed.length);
  await file.writev([length, compressed]);
}

async function* readChunk(path: string): AsyncGenerator<readonly Row[]> {
  const file = await open(path, 'r');
  try {
    const length = Buffer.allocUnsafe(4);
    let compressed = Buffer.allocUnsafe(FRAME);
    while ((await file.read(length, 0, 4)).bytesRead === 4) {
      const size = length.readUInt32LE();
      if (size > compressed.length) compressed = Buffer.allocUnsafe(size);
      await file.read(compressed, 0, size);
      // In one piece: pieces would be joined, and be twice as much garbage.
      yield rowsOf(zstdDecompressSync(compressed.subarray(0, size), { chunkSize: 2 * FRAME }));
    }
  } finally {
    await file.close();
  }
}

async function* inMemory(pieces: Iterable<Buffer>): AsyncGenerator<readonly Row[]> {
  for (const piece of pieces) yield rowsOf(piece);
}

/** The rows of a piece. */
export function rowsOf(piece: Buffer): Row[] {
  const rows: Row[] = [];
  for (let at = 0; at < piece.length; ) {
    const end = at + HEADER + piece.readUInt32LE(at + 4);
    rows.push({ index: piece.readUInt32LE(at), line: piece.toString('utf8', at + HEADER, end) });
    at = end;
  }
  return rows;
}

/** Rows as pieces of about FRAME bytes, which `rowsOf` takes. */
export async function* packed(batches: AsyncIterable<readonly Row[]>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const batch of batches) {
    for (const { index, line } of batch) {
      const text = Buffer.from(line);
      const header = Buffer.allocUnsafe(HEADER);
      header.writeUInt32LE(index);
      header.writeUInt32LE(text.length, 4);
      parts.push(header, text);
      bytes += HEADER + text.length;
    }
    if (bytes < FRAME) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

/** Where one of the merged streams stands: at `batch[at]`. */
interface Cursor {
  readonly source: AsyncIterator<readonly Row[]>;
  batch: readonly Row[];
  at: number;
}

/** Merges streams of rows, each in order, into one. */
export async function* merge(sources: readonly AsyncGenerator<readonly Row[]>[]): AsyncGenerator<readonly Row[]> {
  const cursors: Cursor[] = [];
  try {
    for (const source of sources) {
      const cursor: Cursor = { source, batch: [], at: 0 };
      if (await refill(cursor)) cursors.push(cursor);
    }
    while (cursors.length > 0) {
      const lowest = cursors.reduce((a, b) => (head(b) < head(a) ? b : a));
      const bound = cursors.reduce((least, it) => (it === lowest ? least : Math.min(least, head(it))), Infinity);
      // Rows come nearly sorted, so what may go at once is mostly a whole batch.
      const start = lowest.at;
      while (lowest.at < lowest.batch.length && head(lowest) <= bound) lowest.at++;
      yield lowest.batch.slice(start, lowest.at);
      if (lowest.at === lowest.batch.length && !(await refill(lowest))) cursors.splice(cursors.indexOf(lowest), 1);
    }
  } finally {
    for (const source of sources) await source.return(undefined);
  }
}

function head({ batch, at }: Cursor): number {
  return batch[at]?.index ?? Infinity;
}

async function refill(cursor: Cursor): Promise<boolean> {
  const next = await cursor.source.next();
  if (next.done) return false;
  cursor.batch = next.value;
  cursor.at = 0;
  return true;
}
