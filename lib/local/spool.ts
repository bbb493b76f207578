// The queue between listing and processing: the listing runs ahead, memory stays bounded, the rest waits in a temporary file.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Characters held in memory before anything goes to the file. */
const MEMORY = 256 * 1024;

/** Characters or bytes that go to the file, or come back, at once. */
const CHUNK = 64 * 1024;

export interface Spool<T> {
  /** Adds an entry; a promise when the producer has to wait for the disk. One producer only. */
  push(entry: T): Promise<void> | undefined;
  /** No entry will come any more. */
  end(): void;
  /** The next entry if one is at hand. */
  take(): T | undefined;
  /** Waits until `take` may have an entry; false when the queue has ended and is empty. One consumer only. */
  more(): Promise<boolean>;
  close(): Promise<void>;
}

/** A first-in, first-out queue of JSON values. `sizeOf` tells about how many characters an entry takes. */
export function createSpool<T>(sizeOf: (entry: T) => number, memory = MEMORY): Spool<T> {
  let head: T[] = [];
  let next = 0;
  let headSize = 0;
  let tail: T[] = [];
  let tailSize = 0;
  let file: FileHandle | undefined;
  // What lies in the file and was not read yet: older than `tail`, younger than `head`.
  let readAt = 0;
  let writtenTo = 0;
  let writing: Promise<void> | undefined;
  let buffer = Buffer.allocUnsafe(0);
  let ended = false;
  let arrived = Promise.withResolvers<void>();

  const announce = () => {
    arrived.resolve();
    arrived = Promise.withResolvers();
  };

  async function spill(): Promise<void> {
    const text = tail.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    tail = [];
    tailSize = 0;
    file ??= await temporaryFile();
    const bytes = Buffer.byteLength(text);
    const { bytesWritten } = await file.write(text, writtenTo);
    if (bytesWritten < bytes) {
      const rest = Buffer.from(text).subarray(bytesWritten);
      await file.write(rest, 0, rest.length, writtenTo + bytesWritten);
    }
    writtenTo += bytes;
    announce();
  }

  async function unspill(handle: FileHandle): Promise<void> {
    if (buffer.length === 0) buffer = Buffer.allocUnsafe(CHUNK);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, writtenTo - readAt), readAt);
      const end = bytesRead === 0 ? -1 : buffer.lastIndexOf(0x0a, bytesRead - 1);
      if (end < 0) {
        // An entry longer than the buffer.
        buffer = Buffer.allocUnsafe(buffer.length * 2);
        continue;
      }
      readAt += end + 1;
      head = buffer
        .toString('utf8', 0, end)
        .split('\n')
        .map((line) => JSON.parse(line) as T);
      next = 0;
      headSize = end;
      break;
    }
    // All is read: the file is written from its start again.
    if (readAt === writtenTo && writing === undefined) readAt = writtenTo = 0;
  }

  return {
    push(entry) {
      const size = sizeOf(entry);
      if (tail.length === 0 && readAt === writtenTo && writing === undefined && headSize < memory) {
        head.push(entry);
        headSize += size;
        if (head.length - next === 1) announce();
        return undefined;
      }
      tail.push(entry);
      tailSize += size;
      if (tailSize < Math.min(memory, CHUNK)) return undefined;
      writing = spill().finally(() => {
        writing = undefined;
      });
      return writing;
    },
    end() {
      ended = true;
      announce();
    },
    take() {
      if (next === head.length) {
        if (readAt !== writtenTo || writing !== undefined || tail.length === 0) return undefined;
        head = tail;
        headSize = tailSize;
        next = 0;
        tail = [];
        tailSize = 0;
      }
      const entry = head[next] as T;
      head[next] = undefined as T;
      next += 1;
      headSize -= sizeOf(entry);
      if (next === head.length) {
        head = [];
        next = 0;
        headSize = 0;
      }
      return entry;
    },
    async more() {
      for (;;) {
        if (next < head.length) return true;
        if (readAt !== writtenTo && file !== undefined) await unspill(file);
        else if (writing !== undefined) await writing;
        else if (tail.length > 0) return true;
        else if (ended) return false;
        else await arrived.promise;
      }
    },
    async close() {
      await writing?.catch(() => {});
      await file?.close();
      file = undefined;
    },
  };
}

/** A file without a name: it is gone with the process, however that ends. */
async function temporaryFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `image-fanout-${randomUUID()}.jsonl`);
  const handle = await open(path, 'wx+', 0o600);
  // Windows keeps the name until the file is closed, and then the system's cleaning has to see to it.
  await unlink(path).catch(() => {});
  return handle;
}
