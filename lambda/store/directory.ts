// A directory as a store: keys are relative paths, ETags say size and mtime, provenance is kept in an index beside the files.
import { type BigIntStats, constants } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { FanoutError } from '../contract/errors.ts';
import { directoryError, errnoOf } from './directory-errors.ts';
import { fileEtag, listDirectory } from './directory-list.ts';
import { createWriter, type WriterOptions } from './directory-write.ts';
import { type Disk, diskOf } from './disk.ts';
import { versionOf } from './index-db.ts';
import { keyPath } from './paths.ts';
import { retrying } from './retry.ts';
import type { ObjectBody, ObjectHead, ReadOptions, Store } from './store.ts';

/** What a directory store can be told. */
export interface DirectoryOptions extends WriterOptions {
  /** How long busy files, too many open files and the like are tried again. Default 10 seconds. */
  readonly deadlineMs?: number;
}

/** Without O_NONBLOCK, opening a named pipe would wait for its writer for ever. Windows has neither. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Small enough to be collected while it is young. */
const STREAM_CHUNK = 64 * 1024;

/**
 * Opens the directory at `path` (it need not be there before the first write). Content type, cache control,
 * storage class, tags and user metadata have no place in a directory and are dropped.
 */
export function directoryStore(path: string, options: DirectoryOptions = {}): Store {
  const root = resolve(path);
  const { deadlineMs = 10_000 } = options;
  const disk = diskOf(root);
  const writer = createWriter(root, disk, options);

  async function attempt<T>(
    key: string,
    doing: 'reading' | 'writing',
    signal: AbortSignal | undefined,
    action: () => Promise<T>,
  ): Promise<T> {
    const classed = async (): Promise<T> => {
      try {
        return await action();
      } catch (error) {
        throw directoryError(error, root, key, doing);
      }
    };
    return retrying(classed, { deadlineMs, signal });
  }

  return {
    list: (prefix, listOptions) => listDirectory(root, disk, prefix, listOptions),
    read: (key, readOptions = {}) =>
      attempt(key, 'reading', readOptions.signal, () => readFile(disk, root, key, readOptions)),
    async open(key, { signal, start = 0 } = {}) {
      const { descriptor } = await attempt(key, 'reading', signal, () => openFile(disk, root, key));
      let isOpen = true;
      const close = async (): Promise<void> => {
        if (isOpen) {
          isOpen = false;
          await disk.close(descriptor);
        }
      };
      const pieces = chunks(
        (chunk, at) => disk.read(descriptor, chunk, start + at),
        signal,
        close,
        (error) => directoryError(error, root, key, 'reading'),
      );
      const stream = Readable.from(pieces, { objectMode: false });
      // A generator that was never asked for anything has nothing to finish.
      stream.once('close', () => void close().catch(() => undefined));
      return stream;
    },
    head: (key, { signal } = {}) =>
      attempt(key, 'reading', signal, async () => {
        const path = keyPath(root, key);
        const stats = await disk.stat(path);
        if (stats === undefined) return await deadLink(path);
        if (!stats.isFile()) return undefined;
        const index = await writer.index();
        const provenance = index?.find(key, versionOf(stats));
        if (index !== undefined && provenance === undefined) await writer.refuseSibling(key, index);
        const head = { etag: fileEtag(stats), bytes: Number(stats.size), lastModified: Number(stats.mtimeMs) };
        if (provenance !== undefined) return { ...head, provenance };
        return index?.knows(key) === true ? { ...head, changed: true } : head;
      }),
    write: (key, body, writeOptions = {}) =>
      attempt(key, 'writing', writeOptions.signal, () => writer.write(key, body, writeOptions)),
    invalidate: (key, { etag }, { signal } = {}) =>
      attempt(key, 'writing', signal, async () => {
        const stats = await disk.stat(keyPath(root, key));
        if (stats === undefined || fileEtag(stats) !== etag) return undefined;
        const index = await writer.index();
        return index?.invalidate(key, versionOf(stats)) === true ? { etag } : undefined;
      }),
    remove: (key, { etag }, { signal } = {}) => attempt(key, 'writing', signal, () => writer.remove(key, etag)),
    async save(key, body, { signal } = {}) {
      signal?.throwIfAborted();
      await writer.write(key, gathered(body), signal === undefined ? {} : { signal });
    },
    close: () => writer.close(),
  };
}

/** A link that leads nowhere is no file, but its name is taken: it is somebody else's. */
async function deadLink(path: string): Promise<ObjectHead | undefined> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined);
  if (stats?.isSymbolicLink() !== true) return undefined;
  return { etag: fileEtag(stats), bytes: Number(stats.size), lastModified: Number(stats.mtimeMs) };
}

/** The stream in pieces worth a system call each: result files come line by line. Text stays text: no copy on the way. */
async function* gathered(body: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array | string> {
  let text = '';
  for await (const chunk of body) {
    if (typeof chunk === 'string') {
      text += chunk;
      if (text.length < STREAM_CHUNK) continue;
      yield text;
      text = '';
    } else {
      if (text !== '') yield text;
      text = '';
      yield chunk;
    }
  }
  if (text !== '') yield text;
}

async function openFile(
  disk: Disk,
  root: string,
  key: string,
): Promise<{ readonly descriptor: number; readonly stats: BigIntStats }> {
  const path = keyPath(root, key);
  let descriptor: number;
  try {
    descriptor = await disk.open(path, READ_FLAGS);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || !key.includes('\ufffd')) throw error;
    throw new FanoutError(
      'UnsafeKey',
      `The name of ${JSON.stringify(key)} in ${root} is not valid UTF-8; rename the file.`,
      { cause: error },
    );
  }
  const stats = await disk.fstat(descriptor);
  if (stats.isFile()) return { descriptor, stats };
  await disk.close(descriptor);
  throw new FanoutError('SourceNotFound', `${JSON.stringify(key)} in ${root} is not a file.`, { expected: 'a file' });
}

async function readFile(disk: Disk, root: string, key: string, { maxBytes }: ReadOptions): Promise<ObjectBody> {
  const { descriptor, stats } = await openFile(disk, root, key);
  try {
    if (maxBytes !== undefined && stats.size > maxBytes) {
      throw new FanoutError(
        'TooManyBytes',
        `${JSON.stringify(key)} has ${stats.size} bytes; the limit is ${maxBytes}.`,
        {
          expected: `at most ${maxBytes} bytes`,
          met: `${stats.size} bytes`,
        },
      );
    }
    const body = Buffer.allocUnsafeSlow(Number(stats.size));
    await disk.read(descriptor, body, 0);
    const etag = fileEtag(stats);
    if (fileEtag(await disk.fstat(descriptor)) === etag) return { body, etag };
    throw new FanoutError('ConnectionLost', `${JSON.stringify(key)} in ${root} changed while it was being read.`);
  } finally {
    await disk.close(descriptor);
  }
}

async function* chunks(
  read: (into: Buffer, from: number) => Promise<number>,
  signal: AbortSignal | undefined,
  close: () => Promise<void>,
  classed: (error: unknown) => unknown,
): AsyncGenerator<Buffer> {
  try {
    for (let at = 0; ; ) {
      signal?.throwIfAborted();
      const chunk = Buffer.allocUnsafe(STREAM_CHUNK);
      const bytes = await read(chunk, at);
      if (bytes === 0) return;
      at += bytes;
      yield chunk.subarray(0, bytes);
    }
  } catch (error) {
    throw classed(error);
  } finally {
    await close();
  }
}
