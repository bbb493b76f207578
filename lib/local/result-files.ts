// Result files on their way to disk or S3: three ways to write records, chosen by what the destination can do.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskOf } from '../../lambda/store/disk.ts';
import type { Store } from '../../lambda/store/store.ts';
import { createSpool } from './spool.ts';

/** Largest result file in bytes: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html */
const MOST_FILE_BYTES = 5 * 1024 ** 3;

/** On S3 a part of the records becomes a file at this size or age, so that a killed run loses at most that much. */
const PART_BYTES = 8 * 1024 * 1024;
const PART_MILLISECONDS = 10_000;

/** So many chunks may wait for the disk or the network before they hold up new children. */
const CONGESTION = 2;

export interface ResultFile {
  readonly Key: string;
  readonly Size: number;
}

/** Where the records of one kind go. Errors of writing are told to `onError`, once, and by `end`. */
export interface RecordSink {
  /** Takes one line, without its line feed. */
  add(line: string): void;
  /** Something to wait for when too much has not been written yet. */
  congestion(): Promise<void> | undefined;
  /** Writes what is left; answers the files. */
  end(): Promise<readonly ResultFile[]>;
}

export interface SinkOptions {
  /** The key of the n-th file. */
  readonly keyOf: (n: number) => string;
  readonly onError: (error: unknown) => void;
  readonly mostBytes?: number;
}

/** Characters that are written at once: enough for few calls, little enough to be short-lived garbage. */
const CHUNK = 256 * 1024;

/**
 * Lines that gather while the ones before them are written, one chunk of whole lines at a time. Where each write makes a
 * file (`files`), what comes meanwhile waits until it is a chunk or is asked for: else each write would start the next.
 */
function gathering(
  write: (lines: string) => Promise<void>,
  onError: (error: unknown) => void,
  { chunk = CHUNK, files = false } = {},
) {
  let chunks: string[] = [];
  let open = '';
  let size = 0;
  let writing: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  async function drain(): Promise<void> {
    try {
      for (let first = true; size > 0 && (first || chunks.length > 0 || !files); first = false) {
        if (chunks.length === 0) {
          chunks.push(open);
          open = '';
        }
        const lines = chunks.shift() as string;
        size -= lines.length;
        await write(lines);
      }
    } catch (error) {
      failure = { error };
      // What comes yet cannot be written either: it would only fill the memory until the run has drained.
      chunks = [];
      open = '';
      size = 0;
      onError(error);
    } finally {
      writing = undefined;
    }
  }
  const flush = (): Promise<void> => {
    if (writing === undefined && size > 0 && failure === undefined) writing = drain();
    return writing ?? Promise.resolve();
  };
  return {
    add(line: string) {
      if (failure !== undefined) return;
      open += `${line}\n`;
      size += line.length + 1;
      if (open.length < chunk) return;
      chunks.push(open);
      open = '';
    },
    size: () => size,
    flush,
    congestion: () => (size > CONGESTION * chunk && failure === undefined ? flush() : undefined),
    async end() {
      do await flush();
      while (size > 0 && failure === undefined);
      if (failure !== undefined) throw failure.error;
    },
  };
}

/**
 * Appends to files in a directory, under their final names: a record is on the disk as soon as the write before it
 * has ended, whole lines at a time. After kill -9 the last line may be torn; who continues the run cuts it off.
 */
export function appendingSink(directory: string, options: SinkOptions): RecordSink {
  const { keyOf, onError, mostBytes = MOST_FILE_BYTES } = options;
  const files: { Key: string; Size: number }[] = [];
  const disk = diskOf(directory);
  let descriptor: number | undefined;
  async function close(): Promise<void> {
    if (descriptor !== undefined) await disk.close(descriptor);
    descriptor = undefined;
  }
  const lines = gathering(async (text) => {
    const bytes = Buffer.byteLength(text);
    let file = files.at(-1);
    if (descriptor === undefined || file === undefined || file.Size + bytes > mostBytes) {
      await close();
      file = { Key: keyOf(files.length), Size: 0 };
      const path = join(directory, file.Key);
      await mkdir(dirname(path), { recursive: true });
      // Exclusive: the records of another run are never written over, nor added to.
      descriptor = await disk.open(path, 'ax');
      files.push(file);
    }
    await disk.write(descriptor, text);
    file.Size += bytes;
  }, onError);
  let scheduled = false;
  return {
    congestion: lines.congestion,
    add(line) {
      lines.add(line);
      if (scheduled) return;
      // Records of children that end in the same turn of the event loop share a write.
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        void lines.flush();
      });
    },
    async end() {
      try {
        await lines.end();
      } finally {
        await close();
      }
      return files;
    },
  };
}

/** Writes numbered objects, each whole, of some megabytes or some seconds. */
export function partsSink(store: Store, { keyOf, onError }: SinkOptions): RecordSink {
  const files: ResultFile[] = [];
  const lines = gathering(
    async (text) => {
      const bytes = Buffer.from(text);
      const Key = keyOf(files.length);
      await store.write(Key, bytes, { contentType: 'application/octet-stream' });
      files.push({ Key, Size: bytes.length });
    },
    onError,
    { chunk: PART_BYTES, files: true },
  );
  let timer: NodeJS.Timeout | undefined;
  const flush = async () => {
    clearTimeout(timer);
    timer = undefined;
    await lines.flush();
    if (lines.size() > 0) timer ??= setTimeout(flush, PART_MILLISECONDS);
  };
  return {
    congestion: lines.congestion,
    add(line) {
      lines.add(line);
      if (lines.size() >= PART_BYTES) void flush();
      else timer ??= setTimeout(flush, PART_MILLISECONDS);
    },
    async end() {
      try {
        await lines.end();
      } finally {
        clearTimeout(timer);
      }
      return files;
    },
  };
}

/** Keeps the lines in a temporary file and writes JSON arrays at the end: such files cannot grow record by record. */
export function arraySink(store: Store, { keyOf, onError, mostBytes = MOST_FILE_BYTES }: SinkOptions): RecordSink {
  const spool = createSpool<string>((line) => line.length);
  let failure: { readonly error: unknown } | undefined;
  /** The line that the next file begins with. */
  let first: string | undefined;

  async function* array(size: { bytes: number }): AsyncGenerator<string> {
    yield `[${first}`;
    size.bytes = 2 + Buffer.byteLength(first ?? '');
    for (first = spool.take(); first !== undefined; first = spool.take()) {
      const bytes = 1 + Buffer.byteLength(first);
      if (size.bytes + bytes > mostBytes) break;
      size.bytes += bytes;
      yield `,${first}`;
    }
    yield ']';
  }

  return {
    congestion: () => undefined,
    add(line) {
      if (failure !== undefined) return;
      try {
        spool.push(line);
      } catch (error) {
        failure = { error };
        onError(error);
      }
    },
    async end() {
      if (failure !== undefined) throw failure.error;
      const files: ResultFile[] = [];
      for (first = spool.take(); first !== undefined; ) {
        const Key = keyOf(files.length);
        const size = { bytes: 0 };
        await store.save(Key, array(size), { contentType: 'application/octet-stream' });
        files.push({ Key, Size: size.bytes });
      }
      spool.close();
      return files;
    },
  };
}
