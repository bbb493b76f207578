// Writing files whole or not at all: a temporary file, a row in the index, then a rename or a link.
import { type BigIntStats, existsSync, lstatSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { FanoutError } from '../contract/errors.ts';
import { directoryError, errnoOf, missingRoot } from './directory-errors.ts';
import { fileEtag } from './directory-list.ts';
import { removeLeftOvers, TEMPORARY_FOLDER, temporaryName } from './directory-temporary.ts';
import type { Disk } from './disk.ts';
import { type FileVersion, indexPath, type OutputIndex, openIndex, versionOf } from './index-db.ts';
import { keyPath, OWN_DIRECTORY } from './paths.ts';
import type { Provenance, WriteOptions } from './store.ts';

/** What a directory's writer can be told. */
export interface WriterOptions {
  /** Flushes each file to the disk before it gets its name. Default false: see `createWriter`. */
  readonly fsync?: boolean;
  /** Whether the disk takes `a` and `A` for one name. Default: found out by looking. */
  readonly caseInsensitive?: boolean;
}

type Placing = Pick<WriteOptions, 'expect' | 'provenance' | 'signal'>;

/** What a file is made of: bytes, or pieces of any number. */
type Body = Uint8Array | AsyncIterable<Uint8Array | string>;

export interface Writer {
  /** Undefined when `expect` was not met. */
  write(key: string, body: Body, placing?: Placing): Promise<{ readonly etag: string } | undefined>;
  /** Removes a file of ours. False when it has another ETag, is not ours, or not there. */
  remove(key: string, etag: string): Promise<boolean>;
  /** The index; undefined when there is none yet. */
  index(): Promise<OutputIndex | undefined>;
  /** Throws OutputCollision when the file under this key's name is that of another key of ours: same name but for case. */
  refuseSibling(key: string, index: OutputIndex): Promise<void>;
  close(): Promise<void>;
}

// File systems without hard links (FAT, some network shares) answer `link` with one of these.
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Makes the writer of a directory. After `kill -9` at any instant there is no partial file under a final name, and the
 * index knows every file that got its name: the row is committed before the rename and is about one version of the file,
 * so a row whose rename never happened describes no file, and the row of the version before is still there. After a power
 * cut the last files and rows may be gone, unless `fsync` is set, which costs milliseconds a file.
 */
export function createWriter(root: string, disk: Disk, options: WriterOptions = {}): Writer {
  /** Folders that are there, each with the folder that files in it are made in. */
  const folders = new Map<string, Promise<string>>();
  let prepared: Promise<string> | undefined;
  let opened: Promise<OutputIndex> | undefined;
  let folds: Promise<boolean> | undefined;

  function prepare(): Promise<string> {
    prepared ??= prepareRoot(root).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  }

  function openOutputs(): Promise<OutputIndex> {
    opened ??= openIndex(root).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  }

  function foldsCase(): Promise<boolean> {
    folds ??= options.caseInsensitive === undefined ? looksFolding(root) : Promise.resolve(options.caseInsensitive);
    return folds;
  }

  // Folder by folder from the top, so that nothing is made behind a symbolic link before the link has been looked at.
  function folderReady(folder: string, realRoot: string): Promise<string> {
    const known = folders.get(folder);
    if (known !== undefined) return known;
    const made = (async () => {
      if (folder !== root) await folderReady(dirname(folder), realRoot);
      await makeFolder(root, realRoot, folder);
      return await temporariesFor(root, folder);
    })();
    folders.set(folder, made);
    made.catch(() => folders.delete(folder));
    return made;
  }

  async function note(key: string, version: FileVersion, provenance: Provenance): Promise<OutputIndex> {
    const index = await openOutputs();
    if (await foldsCase()) {
      index.exclusively(() => {
        refuse(root, key, index);
        index.add(key, version, provenance);
      });
    } else {
      index.add(key, version, provenance);
    }
    return index;
  }

  return {
    async write(key, body, { expect, provenance, signal } = {}) {
      const path = keyPath(root, key);
      const realRoot = await prepare();
      let temporary: string | undefined;
      let forget = (): void => undefined;
      try {
        temporary = join(await folderReady(dirname(path), realRoot), temporaryName());
        const stats = await fillTemporary(disk, temporary, body, options.fsync === true, signal);
        const version = versionOf(stats);
        const index = provenance === undefined ? undefined : await note(key, version, provenance);
        forget = () => index?.remove(key, version);
        if (await place(disk, temporary, path, expect, openOutputs)) {
          forget = () => undefined;
          // Where nothing was, nothing has been replaced.
          if (expect !== 'absent' && index !== undefined) pruned(index, key, version);
          return { etag: fileEtag(stats) };
        }
        forget();
        await discard(disk, temporary);
        return undefined;
      } catch (error) {
        forget();
        if (temporary !== undefined) await discard(disk, temporary);
        folders.clear();
        const vanished = errnoOf(error) === 'ENOENT' && !existsSync(join(root, TEMPORARY_FOLDER));
        throw vanished ? missingRoot(join(root, TEMPORARY_FOLDER), error) : directoryError(error, root, key, 'writing');
      }
    },
    async remove(key, etag) {
      const path = keyPath(root, key);
      const index = opened ?? (existsSync(indexPath(root)) ? openOutputs() : undefined);
      if (index === undefined) return false;
      const outputs = await index;
      // Looking and removing are two steps: the index's lock keeps other image-fanout processes out meanwhile.
      return outputs.exclusively(() => {
        const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
        if (stats === undefined || !stats.isFile() || fileEtag(stats) !== etag) return false;
        const version = versionOf(stats);
        if (outputs.find(key, version) === undefined) return false;
        unlinkSync(path);
        outputs.remove(key, version);
        return true;
      });
    },
    async index() {
      return opened ?? (existsSync(indexPath(root)) ? openOutputs() : undefined);
    },
    async refuseSibling(key, index) {
      if (await foldsCase()) refuse(root, key, index);
    },
    async close() {
      const index = await opened?.catch(() => undefined);
      opened = undefined;
      index?.close();
    },
  };
}

/** Node.js says of a read-only file system that there is no such folder, when it makes several: the first that fails tells. */
async function makeRoot(root: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true });
  } catch (error) {
    const missing: string[] = [];
    for (let folder = root.replace(/(?<=.)[/\\]+$/, ''); !existsSync(folder); folder = dirname(folder))
      missing.unshift(folder);
    // Whatever the reason is, it is that of the folder that can no more be made alone.
    if (missing[0] !== undefined) await mkdir(missing[0]).catch((reason: unknown) => cannotMake(root, reason));
    throw error;
  }
}

function cannotMake(root: string, reason: unknown): never {
  const errno = errnoOf(reason);
  if (errno === 'EROFS')
    throw new FanoutError('AccessDenied', `The directory ${root} cannot be made: the file system is read-only.`, {
      cause: reason,
    });
  if (errno === 'ENOENT')
    throw new FanoutError('AccessDenied', `The directory ${root} cannot be made: nothing can be made there.`, {
      cause: reason,
    });
  throw reason;
}

async function prepareRoot(root: string): Promise<string> {
  try {
    await makeRoot(root);
    const realRoot = await realpath(root);
    await makeFolder(root, realRoot, join(root, OWN_DIRECTORY));
    await makeFolder(root, realRoot, join(root, TEMPORARY_FOLDER));
    await removeLeftOvers(join(root, TEMPORARY_FOLDER));
    return realRoot;
  } catch (error) {
    throw directoryError(error, root, OWN_DIRECTORY, 'writing');
  }
}

/** A file gets its name by a rename, which stays on one file system: where another one is mounted, it is made beside its name. */
async function temporariesFor(root: string, folder: string): Promise<string> {
  const ours = join(root, TEMPORARY_FOLDER);
  const [there, here] = await Promise.all([stat(folder), stat(ours)]);
  if (there.dev === here.dev) return ours;
  await removeLeftOvers(folder);
  return folder;
}

async function makeFolder(root: string, realRoot: string, folder: string): Promise<void> {
  await mkdir(folder).catch((error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error;
  });
  const real = await realpath(folder);
  if (real === realRoot || real.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)) return;
  throw new FanoutError('UnsafeKey', `${folder} is a symbolic link that leads out of ${root}, to ${real}.`, {
    expected: `a folder inside ${realRoot}`,
    met: real,
  });
}

async function fillTemporary(
  disk: Disk,
  path: string,
  body: Body,
  fsync: boolean,
  signal: AbortSignal | undefined,
): Promise<BigIntStats> {
  const descriptor = await disk.open(path, 'wx');
  try {
    if (body instanceof Uint8Array) await disk.write(descriptor, body);
    else {
      for await (const piece of body) {
        signal?.throwIfAborted();
        await disk.pour(descriptor, piece);
      }
    }
    if (fsync) await disk.sync(descriptor);
    return await disk.fstat(descriptor);
  } finally {
    await disk.close(descriptor);
  }
}

/** Gives the temporary file its name. False when `expect` was not met. */
async function place(
  disk: Disk,
  temporary: string,
  path: string,
  expect: WriteOptions['expect'],
  openOutputs: () => Promise<OutputIndex>,
): Promise<boolean> {
  if (expect === undefined) {
    await disk.rename(temporary, path);
    return true;
  }
  if (expect === 'absent') {
    try {
      await disk.link(temporary, path);
      await discard(disk, temporary);
      return true;
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      if (errno === 'EEXIST' && !lstatSync(path).isDirectory()) return false;
      if (!NO_LINKS.has(errno)) throw error;
    }
  }
  // Looking and renaming are two steps: the index's lock keeps other image-fanout processes out meanwhile.
  const index = await openOutputs();
  return index.exclusively(() => {
    // Of a link that leads nowhere, the link itself.
    const stats =
      statSync(path, { bigint: true, throwIfNoEntry: false }) ??
      lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (expect === 'absent' ? stats !== undefined : stats === undefined || fileEtag(stats) !== expect.etag)
      return false;
    renameSync(temporary, path);
    return true;
  });
}

/** Rows of older versions cost some room, no more: another process that has the lock is not waited for. */
function pruned(index: OutputIndex, key: string, version: FileVersion): void {
  try {
    index.prune(key, version);
  } catch (error) {
    if (!(error instanceof FanoutError) || !error.transient) throw error;
  }
}

function refuse(root: string, key: string, index: OutputIndex): void {
  const sibling = index.sibling(key);
  if (sibling === undefined || !(sibling.recent || existsSync(join(root, sibling.key)))) return;
  const names = `${JSON.stringify(key)} and ${JSON.stringify(sibling.key)}`;
  throw new FanoutError(
    'OutputCollision',
    `${names} differ only in case, and the disk of ${root} does not tell them apart.`,
    {
      expected: 'keys that differ in more than case',
      met: sibling.key,
    },
  );
}

/** Whether the disk finds `.image-fanout` under another spelling. */
async function looksFolding(root: string): Promise<boolean> {
  const own = statSync(join(root, OWN_DIRECTORY), { throwIfNoEntry: false });
  const other = statSync(join(root, OWN_DIRECTORY.toUpperCase()), { throwIfNoEntry: false });
  return own !== undefined && other !== undefined && own.ino === other.ino && own.dev === other.dev;
}

async function discard(disk: Disk, temporary: string): Promise<void> {
  try {
    await disk.unlink(temporary);
  } catch {
    // Left over, then: whoever uses the directory next removes it.
  }
}
