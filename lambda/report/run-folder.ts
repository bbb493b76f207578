// What lies in a run's folder: the prepared job, and Step Functions' result files by attempt.
import { FanoutError } from '../contract/errors.ts';
import { formatLocation, type Location } from '../contract/location.ts';
import { CANARY_FOLDER, ELSEWHERE_FILE, JOB_FILE, type PreparedJob } from '../job/prepared.ts';
import type { Store } from '../store/store.ts';

/** The Map Run's first attempt, or one of its redrives. */
export interface Attempt {
  /** Below the run's folder: `<map run's uuid>/`, or `<uuid>/Redrive-2/`. */
  readonly folder: string;
  /** Whether it has ended: its manifest names files. A killed engine leaves the probe, which names none. */
  readonly complete: boolean;
  readonly files: readonly ResultFile[];
}

export interface ResultFile {
  readonly key: string;
  /** `jsonl`, or `json` for one array. */
  readonly format: 'json' | 'jsonl';
  readonly bytes: number;
}

export interface ResultFiles {
  /** Oldest first. */
  readonly attempts: readonly Attempt[];
  /** Those of the canary, which come before. */
  readonly canary: readonly Attempt[];
  /** Files that a manifest names and that are not there. */
  readonly missing: readonly string[];
  /** When a result file or manifest was last written, in epoch milliseconds; 0 when there is none. */
  readonly lastModified: number;
}

/** Where a run's results really are, by its usual folder; undefined when they are there. */
export async function readElsewhere(store: Store, usual: Location): Promise<Location | undefined> {
  try {
    const { body } = await store.read(usual.prefix + ELSEWHERE_FILE);
    return (JSON.parse(body.toString()) as { results: Location }).results;
  } catch (error) {
    if (error instanceof FanoutError && error.name === 'SourceNotFound') return undefined;
    throw error;
  }
}

const RESULT_FILE =
  /^(canary\/)?([^/]+)\/(?:Redrive-(\d+)\/)?(?:(manifest\.json)|(?:SUCCEEDED|FAILED|PENDING)_\d+\.(jsonl?))$/;

/** The prepared job of a run. Throws SourceNotFound when the folder is no run's folder. */
export async function readJob(store: Store, folder: Location): Promise<PreparedJob> {
  const { body } = await store.read(folder.prefix + JOB_FILE).catch((error: unknown) => {
    if (!(error instanceof FanoutError) || error.name !== 'SourceNotFound') throw error;
    throw new FanoutError('SourceNotFound', `No run at ${formatLocation(folder)}: expected a ${JOB_FILE} there`, {
      cause: error,
    });
  });
  return JSON.parse(body.toString()) as PreparedJob;
}

/**
 * The result files of all attempts. They are found by listing the folder, so that a run that was killed before its
 * manifest was written has an account too; manifests are used to notice files that are gone.
 */
export async function findResultFiles(store: Store, folder: Location): Promise<ResultFiles> {
  const found = new Map<
    string,
    { canary: boolean; redrive: number; run: string; since: number; manifest?: string; files: ResultFile[] }
  >();
  let newest = 0;
  for await (const page of store.list(folder.prefix)) {
    for (const { key, lastModified, bytes } of page) {
      const [, canary, run, redrive, manifest, format] = RESULT_FILE.exec(key.slice(folder.prefix.length)) ?? [];
      if (run === undefined) continue;
      newest = Math.max(newest, lastModified);
      const name = key.slice(folder.prefix.length, key.lastIndexOf('/') + 1);
      const attempt = found.get(name) ?? {
        canary: canary !== undefined,
        redrive: Number(redrive ?? 0),
        run,
        since: lastModified,
        files: [],
      };
      found.set(name, attempt);
      attempt.since = Math.min(attempt.since, lastModified);
      if (manifest !== undefined) attempt.manifest = key;
      else attempt.files.push({ key, format: format === 'json' ? 'json' : 'jsonl', bytes });
    }
  }
  // One Map Run is the rule. Where a person put several in a folder, the older one's attempts come first.
  const since = (run: string) => Math.min(...[...found.values()].filter((it) => it.run === run).map((it) => it.since));
  const inOrder = [...found].sort(([, a], [, b]) =>
    a.run === b.run ? a.redrive - b.redrive : since(a.run) - since(b.run) || (a.run < b.run ? -1 : 1),
  );
  const attempts: Attempt[] = [];
  const ofCanary: Attempt[] = [];
  const missing: string[] = [];
  const there = new Set(inOrder.flatMap(([, { files }]) => files.map(({ key }) => key)));
  for (const [name, { canary, run, manifest, files }] of inOrder) {
    const named = manifest === undefined ? undefined : await manifestFiles(store, manifest);
    (canary ? ofCanary : attempts).push({ folder: name, complete: (named?.length ?? 0) > 0, files });
    for (const key of named ?? []) {
      // A run's folder may have been moved or copied since: only what follows the Map Run's uuid is compared.
      const below = key.slice(key.lastIndexOf(`${run}/`));
      const placed = canary ? CANARY_FOLDER + below : below;
      if (!there.has(folder.prefix + placed)) missing.push(placed);
    }
  }
  return { attempts, canary: ofCanary, missing: [...new Set(missing)], lastModified: newest };
}

/** The files that a manifest names; undefined for one that is not finished. */
async function manifestFiles(store: Store, key: string): Promise<readonly string[] | undefined> {
  const { body } = await store.read(key);
  try {
    const { ResultFiles } = JSON.parse(body.toString()) as { ResultFiles?: Record<string, { Key: string }[]> };
    return ResultFiles === undefined
      ? undefined
      : Object.values(ResultFiles).flatMap((files) => files.map(({ Key }) => Key));
  } catch {
    return undefined;
  }
}
