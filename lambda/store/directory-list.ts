// A directory's files as S3 would list them: full keys in UTF-8 byte order, page by page, one folder's names at a time.
import { type BigIntStats, type Dirent, existsSync } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FanoutError } from '../contract/errors.ts';
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
  const { startAfter = '', atMost, signal } = options;
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const problem = start === '' ? undefined : keyProblem(start.slice(0, -1));
  if (problem !== undefined) throw new FanoutError('UnsafeKey', `The prefix ${JSON.stringify(prefix)} ${problem}.`);
  const wanted: Wanted = { prefix, startAfter };
  if (atMost !== undefined) {
    const some = await inspected(root, disk, await someKeys(root, start, wanted, atMost));
    // None: perhaps those vanished, and others are there.
    if (some.length > 0) {
      yield some;
      return;
    }
  }
  let size = FIRST_PAGE;
  let page: string[] = [];
  for await (const key of walk(root, start, wanted)) {
    page.push(key);
    if (page.length < size) continue;
    signal?.throwIfAborted();
    const objects = await inspected(root, disk, page);
    if (objects.length > 0) yield objects;
    // Of a quick disk no call waits for anything: what was started meanwhile would not get its turn before the last page.
    await setImmediate();
    page = [];
    size = Math.min(PAGE, size * 4);
  }
  signal?.throwIfAborted();
  const objects = await inspected(root, disk, page);
  if (objects.length > 0) yield objects;
}

/** Which keys are asked for. */
interface Wanted {
  readonly prefix: string;
  readonly startAfter: string;
}

/** Whether a file's key is asked for, or a folder may have such files in it. */
function isWanted(key: string, { prefix, startAfter }: Wanted): boolean {
  if (key === OWN_DIRECTORY && !prefix.startsWith(OWN_DIRECTORY)) return false;
  if (!key.endsWith('/')) return key.startsWith(prefix) && compareKeys(key, startAfter) > 0;
  const passed = compareKeys(key, startAfter) <= 0 && !startAfter.startsWith(key);
  return !passed && (key.startsWith(prefix) || prefix.startsWith(key));
}

async function* walk(root: string, folder: string, wanted: Wanted): AsyncGenerator<string> {
  const names: string[] = [];
  await readNames(root, folder, (name) => {
    names.push(name);
    return true;
  });
  for (const entry of sortKeys(names)) {
    const key = folder + entry;
    if (!isWanted(key, wanted)) continue;
    if (key.endsWith('/')) yield* walk(root, key, wanted);
    else yield key;
  }
}

/** Keys as they are found, no more than `most`. */
async function someKeys(root: string, folder: string, wanted: Wanted, most: number): Promise<string[]> {
  const keys: string[] = [];
  const folders: string[] = [];
  await readNames(root, folder, (name) => {
    const key = folder + name;
    if (isWanted(key, wanted)) (key.endsWith('/') ? folders : keys).push(key);
    return keys.length < most;
  });
  for (const inside of folders) {
    if (keys.length >= most) break;
    keys.push(...(await someKeys(root, inside, wanted, most - keys.length)));
  }
  return keys;
}

/**
 * Gives the names in a folder until the reader has enough, those of folders with a `/` at their end: which is what puts
 * them where S3 has them.
 */
async function readNames(root: string, folder: string, goOn: (name: string) => boolean): Promise<void> {
  try {
    const directory = await opendir(join(root, folder), { bufferSize: BATCH });
    try {
      for (let entry = await directory.read(), left = BATCH - 1; entry !== null; left -= 1) {
        const name = entry.isSymbolicLink() ? await linkName(root, folder, entry) : nameOf(entry);
        if (name !== undefined && !goOn(name)) return;
        // The rest of a batch is in memory, and awaiting each of a million names takes longer than reading them.
        if (left > 0) entry = directory.readSync();
        else [entry, left] = [await directory.read(), BATCH];
      }
    } finally {
      await directory.close();
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
}

function nameOf(entry: Dirent): string | undefined {
  if (entry.isDirectory()) return `${entry.name}/`;
  return entry.isFile() ? entry.name : undefined;
}

async function linkName(root: string, folder: string, { name }: Dirent): Promise<string | undefined> {
  const target = await stat(join(root, folder, name)).catch(() => undefined);
  return target?.isFile() === true ? name : undefined;
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
