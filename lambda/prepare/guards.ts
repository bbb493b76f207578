// Places that must not touch: refuses a job whose outputs or results would land among its sources, however the places are spelt.
import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { directoryPath, formatLocation, isDirectory, type Location } from '../contract/location.ts';

/** The places of a job: `results` is the run's own folder. */
export interface Places {
  readonly source: Location;
  readonly destination: Location;
  readonly results: Location;
}

/** A place as it really is: what it is called, and what it and everything above it are identified by. */
interface Place {
  readonly name: string;
  readonly identity: string;
  readonly within: (outer: Place) => boolean;
}

/**
 * The problems of a job's places, one sentence each, for `invalidJob`; none when the places are fine. Refused are: a
 * source that is no directory, a destination that is no directory, source and destination being the same or one
 * inside the other, and results inside the source. Directories are compared by what the file system says they are,
 * so symbolic links, `..`, trailing slashes and other letter cases do not hide anything; buckets by name and prefix.
 */
export async function placeProblems({ source, destination, results }: Places): Promise<readonly string[]> {
  const broken = [
    ...(await directoryProblems('source', source)),
    ...(await directoryProblems('destination', destination)),
  ];
  if (broken.length > 0) return broken;
  const [from, to, account] = await Promise.all([placeOf(source), placeOf(destination), placeOf(results)]);
  if (from.identity === to.identity) {
    return [`destination: expected another place than the source, got ${both(from, to)}`];
  }
  if (to.within(from)) {
    return [
      `destination: expected a place outside the source, or outputs would become sources, got ${to.name} in ${from.name}`,
    ];
  }
  if (from.within(to)) {
    return [
      `source: expected a place outside the destination, or outputs could replace sources, got ${from.name} in ${to.name}`,
    ];
  }
  if (account.within(from)) {
    return [
      `results: expected a place outside the source, or results would become sources, got ${account.name} in ${from.name}`,
    ];
  }
  return [];
}

function both(one: Place, other: Place): string {
  return one.name === other.name ? `${one.name} for both` : `${other.name}, which is ${one.name}`;
}

async function directoryProblems(field: 'source' | 'destination', location: Location): Promise<string[]> {
  if (!isDirectory(location)) return [];
  const path = withoutSlash(directoryPath(location));
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(stats instanceof Error)) {
    return stats.isDirectory() ? [] : [`${field}: expected a directory, got the file ${path}`];
  }
  if (stats.code === 'ENOTDIR') return [`${field}: expected a directory, but ${path} lies below a file`];
  if (stats.code !== 'ENOENT') return [`${field}: expected a directory, got ${path}: ${stats.message}`];
  return field === 'source' ? [`${field}: expected a directory, but there is none at ${path}`] : [];
}

async function placeOf(location: Location): Promise<Place> {
  return isDirectory(location)
    ? await directoryPlace(join(directoryPath(location), location.prefix))
    : bucketPlace(location);
}

function bucketPlace(location: Location): Place {
  const name = formatLocation(location);
  return { name, identity: name, within: (outer) => name !== outer.identity && name.startsWith(outer.identity) };
}

async function directoryPlace(path: string): Promise<Place> {
  const real = await realPath(path);
  const ancestry: string[] = [];
  for (let at = real; ; at = dirname(at)) {
    ancestry.push(at);
    if (at === dirname(at)) break;
  }
  const [identity = real, ...above] = await Promise.all(ancestry.map(identityOf));
  return { name: real, identity, within: (outer) => above.includes(outer.identity) };
}

/** Device and inode, which are the same for every spelling of a directory; what is not there yet goes by its path. */
async function identityOf(path: string): Promise<string> {
  try {
    const { dev, ino } = await lstat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return path;
  }
}

/** Like realpath, also for what does not exist yet, and through symbolic links that point to it. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const target = await readlink(withoutSlash(path)).catch(() => undefined);
    if (target !== undefined) return await realPath(resolve(dirname(withoutSlash(path)), target));
    return resolve(await realPath(dirname(path)), basename(path));
  }
}

function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/[/\\]+$/, '') : path;
}
