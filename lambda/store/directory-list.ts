// A directory's files as S3 would list them: full keys in UTF-8 byte order, page by page, one folder's names at a time.
import { type BigIntStats, type Dirent, existsSync } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FanoutError } from '../errors.ts';
import { directoryError, errnoOf, missingRoot } from './directory-errors.ts';
import type { Disk } from './disk.ts';
import { compareKeys, keyProblem, OWN_DIRECTORY, sortKeys } from './paths.ts';
import type { ListedObject, ListOptions } from './store.ts';

/** As many as S3 gives at once. */
const PAGE = 1000;

/** Directory entries that Node reads in one go. */
const BATCH = 1024;

/** The first page is smaller, and each four times the one before: work starts while the rest is being looked at. */
const FIRST_PAGE = 16;

/** The ETag of a file: it changes whenever size or mtime do. */
export function fileEtag(stats: BigIntStats): string {
  return `${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}`;
}

/**
 * Lists the files below `root` whose keys start with `prefix`. Symbolic links to files are files; links to folders are
 * not followed, so there are no loops; broken links and whatever is neither file nor folder (sockets, pipes, devices) are left out.
 * `.image-fanout/` is left out unless the prefix names it. A file that vanishes meanwhile is left out; a folder that may not be
 * read ends the listing with AccessDenied, a root that is not there (any more) with BucketNotFound: nothing is left out silently.
 */
export async function* listDirectory(
  root: string,
  disk: Disk,
  prefix: string,
  options: ListOptions = {},
): AsyncGenerator<readonly ListedObject[]> {
  const { startAfter = '', signal } = options;
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const problem = start === '' ? undefined : keyProblem(start.slice(0, -1));
  if (problem !== undefined) throw new FanoutError('UnsafeKey', `The prefix ${JSON.stringify(prefix)} ${problem}.`);
  let size = FIRST_PAGE;
  let page: string[] = [];
  for await (const key of walk(root, start, prefix, startAfter)) {
    page.push(key);
    if (page.length < size) continue;
    signal?.throwIfAborted();
    const objects = await inspected(root, disk, page);
    if (objects.length > 0) yield objects;
    page = [];
    size = Math.min(PAGE, size * 4);
  }
  signal?.throwIfAborted();
  const objects = await inspected(root, disk, page);
  if (objects.length > 0) yield objects;
}

async function* walk(root: string, folder: string, prefix: string, startAfter: string): AsyncGenerator<string> {
  for (const entry of sortKeys(await namesIn(root, folder))) {
    const key = folder + entry;
    if (key === OWN_DIRECTORY && !prefix.startsWith(OWN_DIRECTORY)) continue;
    if (!key.endsWith('/')) {
      if (key.startsWith(prefix) && compareKeys(key, startAfter) > 0) yield key;
      continue;
    }
    const wanted = key.startsWith(prefix) || prefix.startsWith(key);
    const passed = compareKeys(key, startAfter) <= 0 && !startAfter.startsWith(key);
    if (wanted && !passed) yield* walk(root, key, prefix, startAfter);
  }
}

/** The names in a folder, those of folders with a `/` at their end: which is what puts them where S3 has them. */
async function namesIn(root: string, folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(join(root, folder), { bufferSize: BATCH })) {
      const name = await nameOf(root, folder, entry);
      if (name !== undefined) names.push(name);
    }
  } catch (error) {
    const errno = errnoOf(error);
    if (folder === '' && errno === 'ENOTDIR')
      throw new FanoutError('BucketNotFound', `${root} is a file, not a directory.`);
    if (folder === '' && errno === 'ENOENT') throw missingRoot(root, error);
    const classed = directoryError(error, root, folder, 'reading');
    const gone = classed instanceof FanoutError && classed.name === 'SourceNotFound';
    if (!gone) throw classed;
  }
  return names;
}

async function nameOf(root: string, folder: string, entry: Dirent): Promise<string | undefined> {
  if (entry.isDirectory()) return `${entry.name}/`;
  if (entry.isFile()) return entry.name;
  if (!entry.isSymbolicLink()) return undefined;
  const target = await stat(join(root, folder, entry.name)).catch(() => undefined);
  return target?.isFile() === true ? entry.name : undefined;
}

async function inspected(root: string, disk: Disk, keys: readonly string[]): Promise<readonly ListedObject[]> {
  const objects = await Promise.all(keys.map((key) => inspect(root, disk, key)));
  return objects.filter((object) => object !== undefined);
}

async function inspect(root: string, disk: Disk, key: string): Promise<ListedObject | undefined> {
  try {
    const stats = await disk.stat(join(root, key));
    if (stats === undefined) return missing(root, key);
    return {
      key,
      etag: fileEtag(stats),
      bytes: Number(stats.size),
      lastModified: Number(stats.mtimeMs),
      storageClass: 'STANDARD',
    };
  } catch (error) {
    const classed = directoryError(error, root, key, 'reading');
    if (classed instanceof FanoutError && classed.name === 'SourceNotFound') return undefined;
    throw classed;
  }
}

/** Node reads names that are not UTF-8 with U+FFFD in them, and then finds no such file: kept, so that reading says why. */
function missing(root: string, key: string): ListedObject | undefined {
  if (!existsSync(root)) throw missingRoot(root);
  return key.includes('\ufffd')
    ? { key, etag: 'unknown', bytes: 0, lastModified: 0, storageClass: 'STANDARD' }
    : undefined;
}
