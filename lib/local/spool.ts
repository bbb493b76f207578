// The queue between listing and processing: the listing runs ahead, memory stays bounded, the rest waits in a temporary file.
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Characters held in memory before anything goes to the file. */
const MEMORY = 256 * 1024;

/** Characters or bytes that go to the file, or come back, at once. */
const CHUNK = 64 * 1024;

/** Entries that have been taken and still have a place in memory. */
const MOST_TAKEN = 4096;

export interface Spool<T> {
  push(entry: T): void;
  /** No entry will come any more. */
  end(): void;
  /** The next entry; undefined when there is none yet, or none any more. */
  take(): T | undefined;
  /** Waits until `take` has an entry; false when the queue has ended and is empty. One consumer only. */
  more(): Promise<boolean>;
  close(): void;
}

/**
 * A first-in, first-out queue of JSON values. `sizeOf` tells about how many characters an entry takes. The file is read
 * and written synchronously, some tens of microseconds at a time: entries that wait for the disk would be the memory
 * that this saves.
 */
export function createSpool<T>(sizeOf: (entry: T) => number, memory = MEMORY): Spool<T> {
  // From old to young: head, file, tail.
  let head: T[] = [];
  let next = 0;
  let headSize = 0;
  let tail: T[] = [];
  let tailSize = 0;
  let file: number | undefined;
  let buffer = Buffer.alloc(0);
  let readAt = 0;
  let writeAt = 0;
  let ended = false;
  let arrived = Promise.withResolvers<void>();

  function spill(): void {
    const bytes = Buffer.from(tail.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    tail = [];
    tailSize = 0;
    file ??= temporaryFile();
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, writeAt + at);
    writeAt += bytes.length;
  }

  function unspill(descriptor: number): void {
    if (buffer.length === 0) buffer = Buffer.allocUnsafe(CHUNK);
    for (;;) {
      const length = readSync(descriptor, buffer, 0, Math.min(buffer.length, writeAt - readAt), readAt);
      const end = length === 0 ? -1 : buffer.lastIndexOf(0x0a, length - 1);
      if (end >= 0) {
        const lines = buffer.toString('utf8', 0, end).split('\n');
        setHead(
          lines.map((line) => JSON.parse(line) as T),
          end,
        );
        readAt += end + 1;
        break;
      }
      // An entry longer than the buffer.
      buffer = Buffer.allocUnsafe(buffer.length * 2);
    }
    // All is read: the file is written from its start again.
    if (readAt === writeAt) readAt = writeAt = 0;
  }

  function setHead(entries: T[], size: number): void {
    head = entries;
    headSize = size;
    next = 0;
  }

  function refill(): boolean {
    if (next < head.length) return true;
    if (readAt < writeAt && file !== undefined) {
      unspill(file);
      return true;
    }
    if (tail.length === 0) return false;
    setHead(tail, tailSize);
    tail = [];
    tailSize = 0;
    return true;
  }

  function announce(): void {
    arrived.resolve();
    arrived = Promise.withResolvers();
  }

  return {
    push(entry) {
      const size = sizeOf(entry);
      const wasEmpty = next === head.length && readAt === writeAt && tail.length === 0;
      if (readAt === writeAt && tail.length === 0 && headSize < memory) {
        head.push(entry);
        headSize += size;
      } else {
        tail.push(entry);
        tailSize += size;
        if (tailSize >= Math.min(memory, CHUNK)) spill();
      }
      if (wasEmpty) announce();
    },
    end() {
      ended = true;
      announce();
    },
    take() {
      if (!refill()) return undefined;
      const entry = head[next] as T;
      head[next] = undefined as T;
      next += 1;
      headSize -= sizeOf(entry);
      if (next === head.length) setHead([], 0);
      // A queue that never empties would keep a place for every entry that it ever had.
      else if (next >= MOST_TAKEN) {
        head = head.slice(next);
        next = 0;
      }
      return entry;
    },
    async more() {
      while (!refill()) {
        if (ended) return false;
        await arrived.promise;
      }
      return true;
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** A file without a name: it is gone with the process, however that ends. */
function temporaryFile(): number {
  const path = join(tmpdir(), `image-fanout-${randomUUID()}.jsonl`);
  const descriptor = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
  } catch {
    // Windows keeps the name until the file is closed, and then the system's own cleaning has to see to it.
  }
  return descriptor;
}
