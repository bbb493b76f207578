// Finds a run's folder from what a person names: the folder itself, or the run's id and where it ran.
import { statSync } from 'node:fs';
import { FanoutError } from '../../lambda/contract/errors.ts';
import {
  directoryLocation,
  directoryPath,
  formatLocation,
  isDirectory,
  type Location,
  parseLocation,
} from '../../lambda/contract/location.ts';
import { JOB_FILE } from '../../lambda/job/prepared.ts';
import type { OpenStore, Store } from '../../lambda/store/store.ts';

/** Folders of runs: with a destination, and in a stack's results bucket. */
export const RUNS_FOLDERS = ['.image-fanout/runs/', 'runs/'];

/** Whether the text is a run's folder, rather than its id or `latest`. */
export function isFolder(run: string): boolean {
  if (/^(s3|file):/.test(run) || /[/\\]/.test(run)) return true;
  return statSync(run, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * The folder that `run` names: a directory or `s3://…`, of a destination its latest run, or an id (or `latest`) of a run
 * in `where`, which is a destination or a stack's results. Throws SourceNotFound when there is no such run; of a folder
 * that is no run's, whoever reads it says so.
 */
export async function findRun(run: string, where: Location | undefined, openStore: OpenStore): Promise<Location> {
  if (where === undefined) return runOrLatest(inDestination(parseLocation(run)), openStore);
  const store = openStore(where.bucket);
  const looked = RUNS_FOLDERS.map((folder) => where.prefix + folder);
  for (const prefix of looked) {
    const found = run === 'latest' ? await latestRun(store, prefix) : `${prefix}${run}/`;
    if (found !== undefined && (await store.head(found + JOB_FILE)) !== undefined)
      return { bucket: where.bucket, prefix: found };
  }
  const places = looked.map((prefix) => formatLocation({ bucket: where.bucket, prefix }));
  const what = run === 'latest' ? 'a run' : `the run ${run}`;
  throw new FanoutError('SourceNotFound', `expected ${what} in ${places.join(' or ')}, found none`);
}

/** The folder when a run is in it, else the latest run of a destination that is there; else the folder again. */
async function runOrLatest(folder: Location, openStore: OpenStore): Promise<Location> {
  const store = openStore(folder.bucket);
  if ((await store.head(folder.prefix + JOB_FILE)) !== undefined) return folder;
  const latest = await latestRun(store, `${folder.prefix}${RUNS_FOLDERS[0]}`);
  return latest === undefined ? folder : { ...folder, prefix: latest };
}

/** A run's directory as part of its destination, as its result files name themselves. */
function inDestination(folder: Location): Location {
  if (!isDirectory(folder)) return folder;
  const [, destination, id] =
    /^(.*[/\\])\.image-fanout[/\\]runs[/\\]([^/\\]+)[/\\]$/s.exec(directoryPath(folder)) ?? [];
  if (destination === undefined || id === undefined) return folder;
  return { ...directoryLocation(destination), prefix: `.image-fanout/runs/${id}/` };
}

/** The run whose job was prepared last: ids need not sort by time, as names of executions are free. */
async function latestRun(store: Store, prefix: string): Promise<string | undefined> {
  let latest: { readonly folder: string; readonly at: number } | undefined;
  for await (const page of store.list(prefix)) {
    for (const { key, lastModified } of page) {
      const [, folder, file] = /^([^/]+\/)([^/]+)$/.exec(key.slice(prefix.length)) ?? [];
      if (folder === undefined || file !== JOB_FILE) continue;
      if (latest === undefined || lastModified >= latest.at) latest = { folder, at: lastModified };
    }
  }
  return latest === undefined ? undefined : prefix + latest.folder;
}
