// Lines kept on disk in parts by a hash, so that those alike come together in bounded memory.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Parts of one level. */
const PARTS = 512;
/** Bytes of a part that wait in memory: as bytes, since strings that wait would grow the heap. All parts together 4 MB. */
const WAITING = 8 * 1024;
/** Bytes of a part that are read at once: a larger one is taken apart once more. */
const MOST_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 0x0a;
/** Levels of parts: 512^3 of them is more than any disk holds. */
const MOST_LEVELS = 3;

export interface Partitions {
  /** Takes a line without a line feed, under a name: lines of one name come out of one part, in the order they came in. */
  add(name: string, line: string): void;
  /** The lines, part by part. Ends the adding. */
  parts(): Iterable<readonly string[]>;
  /** Removes what is on disk. */
  close(): void;
}

export interface PartitionsOptions {
  /** What a line is named by: only where a part is too large to be read at once. */
  readonly nameOf: (line: string) => string;
  /** Default: the machine's temporary directory. */
  readonly directory?: string;
  /** Default: 8 MiB. */
  readonly mostBytes?: number;
}

/**
 * Makes them. Written and read synchronously, as the spool of a run is: lines that wait for the disk would be the memory
 * that this saves. What fits into one part's memory never touches the disk.
 */
export function createPartitions(options: PartitionsOptions, level = 0): Partitions {
  const { nameOf, directory = tmpdir(), mostBytes = MOST_BYTES } = options;
  const waiting: ({ readonly bytes: Buffer; used: number } | undefined)[] = Array(PARTS);
  /** Bytes of each part that is on disk. Files are opened for each write: that many at once are more than some systems allow. */
  const files = new Map<number, number>();
  let folder: string | undefined;

  function write(part: number, bytes: Uint8Array): void {
    folder ??= mkdtempSync(join(directory, 'image-fanout-parts-'));
    const file = openSync(join(folder, String(part)), 'a', 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
    files.set(part, (files.get(part) ?? 0) + bytes.length);
  }

  function spill(part: number): void {
    const room = waiting[part];
    if (room === undefined || room.used === 0) return;
    write(part, room.bytes.subarray(0, room.used));
    room.used = 0;
  }

  function* linesOf(part: number): Iterable<readonly string[]> {
    if (!files.has(part)) {
      const room = waiting[part];
      if (room !== undefined) yield room.bytes.toString('utf8', 0, room.used).split('\n').slice(0, -1);
      return;
    }
    spill(part);
    const bytes = files.get(part) ?? 0;
    const path = join(folder ?? '', String(part));
    if (bytes <= mostBytes || level + 1 >= MOST_LEVELS) {
      yield [...pieces(path)].flat();
      return;
    }
    const finer = createPartitions(options, level + 1);
    try {
      for (const lines of pieces(path)) for (const line of lines) finer.add(nameOf(line), line);
      yield* finer.parts();
    } finally {
      finer.close();
    }
  }

  return {
    add(name, line) {
      const part = hash(name, level) % PARTS;
      // UTF-8 takes at most three bytes for each UTF-16 unit.
      const most = line.length * 3 + 1;
      let room = waiting[part];
      if (room === undefined) {
        room = { bytes: Buffer.allocUnsafeSlow(WAITING), used: 0 };
        waiting[part] = room;
      }
      if (room.used + most > WAITING) spill(part);
      if (most > WAITING) write(part, Buffer.from(`${line}\n`));
      else {
        room.used += room.bytes.write(line, room.used);
        room.bytes[room.used++] = LINE_FEED;
      }
    },
    *parts() {
      for (let part = 0; part < PARTS; part++) yield* linesOf(part);
    },
    close() {
      files.clear();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      folder = undefined;
    },
  };
}

/** The lines of a file, a megabyte at a time. */
function* pieces(path: string): Iterable<readonly string[]> {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(1024 * 1024);
    const decoder = new TextDecoder();
    let rest = '';
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
      const lines = (rest + decoder.decode(buffer.subarray(0, read), { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield lines;
    }
  } finally {
    closeSync(file);
  }
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) of UTF-16 units, mixed anew on each level. */
function hash(text: string, level: number): number {
  let value = 0x811c9dc5 ^ Math.imul(level, 0x9e3779b1);
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b3c6d);
  return (value ^ (value >>> 13)) >>> 0;
}
