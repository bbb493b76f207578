// A directory as a store: keys are relative paths, ETags say size and mtime, provenance is kept in an index beside the files.
import { constants, fstatSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { FanoutError } from '../errors.ts';
import { directoryError, errnoOf } from './directory-errors.ts';
import { fileEtag, listDirectory } from './directory-list.ts';
import { createWriter, type WriterOptions } from './directory-write.ts';
import { versionOf } from './index-db.ts';
import { keyPath } from './paths.ts';
import { retrying } from './retry.ts';
import type { ObjectBody, ReadOptions, Store } from './store.ts';

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
  const writer = createWriter(root, options);

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
    list: (prefix, listOptions) => listDirectory(root, prefix, listOptions),
    read: (key, readOptions = {}) =>
      attempt(key, 'reading', readOptions.signal, () => readFile(root, key, readOptions)),
    async open(key, { signal } = {}) {
      const file = await attempt(key, 'reading', signal, () => openFile(root, key));
      return Readable.from(chunks(file, root, key, signal), { objectMode: false });
    },
    head: (key, { signal } = {}) =>
      attempt(key, 'reading', signal, async () => {
        const stats = await stat(keyPath(root, key), { bigint: true }).catch(absent);
        if (stats === undefined || !stats.isFile()) return undefined;
        const index = await writer.index();
        const provenance = index?.find(key, versionOf(stats));
        if (index !== undefined && provenance === undefined) await writer.refuseSibling(key, index);
        const head = { etag: fileEtag(stats), bytes: Number(stats.size), lastModified: Number(stats.mtimeMs) };
        return provenance === undefined ? head : { ...head, provenance };
      }),
    write: (key, body, writeOptions = {}) =>
      attempt(key, 'writing', writeOptions.signal, () =>
        writer.write(key, (file) => file.writeFile(body), writeOptions),
      ),
    async save(key, body, { signal } = {}) {
      signal?.throwIfAborted();
      await writer.write(key, (file) => file.writeFile(gathered(body), signal === undefined ? {} : { signal }));
    },
    close: () => writer.close(),
  };
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

function absent(error: unknown): undefined {
  const errno = errnoOf(error);
  if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error;
}

async function openFile(root: string, key: string): Promise<FileHandle> {
  const path = keyPath(root, key);
  const file = await open(path, READ_FLAGS).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT' || !key.includes('\ufffd')) throw error;
    throw new FanoutError(
      'UnsafeKey',
      `The name of ${JSON.stringify(key)} in ${root} is not valid UTF-8; rename the file.`,
      { cause: error },
    );
  });
  if (fstatSync(file.fd).isFile()) return file;
  await file.close();
  throw new FanoutError('SourceNotFound', `${JSON.stringify(key)} in ${root} is not a file.`, { expected: 'a file' });
}

async function readFile(root: string, key: string, { maxBytes }: ReadOptions): Promise<ObjectBody> {
  const file = await openFile(root, key);
  try {
    const stats = fstatSync(file.fd, { bigint: true });
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
    for (let filled = 0; filled < body.length; ) {
      const { bytesRead } = await file.read(body, filled, body.length - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    const etag = fileEtag(stats);
    if (fileEtag(fstatSync(file.fd, { bigint: true })) === etag) return { body, etag };
    throw new FanoutError('ConnectionLost', `${JSON.stringify(key)} in ${root} changed while it was being read.`);
  } finally {
    await file.close();
  }
}

async function* chunks(
  file: FileHandle,
  root: string,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(STREAM_CHUNK), 0, STREAM_CHUNK);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw directoryError(error, root, key, 'reading');
  } finally {
    await file.close();
  }
}
