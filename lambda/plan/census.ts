// Goes through a whole listing once, in bounded memory: what there is, what is left out and why, who collides, whom to look at.
import { createHistogram } from 'node:perf_hooks';
import { FanoutError, toFanoutError } from '../contract/errors.ts';
import { together } from '../contract/together.ts';
import type { Chance } from '../estimate/chance.ts';
import { type Item, itemOf, keyOf } from '../job/item.ts';
import type { PreparedJob } from '../job/prepared.ts';
import { skipReason } from '../process/process-key.ts';
import type { JobContext } from '../process/up-to-date.ts';
import { comparableKeys } from '../recipe/keys.ts';
import { type Collisions, createCollisionFinder } from './collisions.ts';
import { createStrata, type Stratum } from './strata.ts';

/** Failures that are sure before a byte is read, and extensions, that are named one by one. */
const MOST_EXAMPLES = 5;
const MOST_FORMATS = 64;
/** First folders that are counted one by one. */
const MOST_FOLDERS = 10_000;

/** Extensions that are one format. */
const ALIASES: Readonly<Record<string, string>> = {
  ...{ jpg: 'jpeg', jpe: 'jpeg', jfif: 'jpeg', tif: 'tiff', heif: 'heic', hif: 'heic', svgz: 'svg', dib: 'bmp' },
  ...{ psb: 'psd', j2k: 'jp2', jpf: 'jp2', jpx: 'jp2' },
};

/** Classes of storage that are read only once they have been restored. */
const ARCHIVES = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/** Failures of one class that are sure. */
export interface SureFailures {
  readonly error: string;
  readonly keys: number;
  readonly examples: readonly { readonly key: string; readonly message: string }[];
}

export interface Census {
  /** Items of the listing. */
  readonly keys: number;
  /** Whether the listing was read to its end. */
  readonly complete: boolean;
  /** Keys that are left out by their names, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Keys that are meant and may be made. */
  readonly selected: number;
  /** Of these, those that are up to date, where each was looked at; they are in no stratum. */
  readonly upToDate?: number;
  /** Bytes of these, where the listing tells. */
  readonly bytes: number;
  readonly unknownSizes: number;
  /** In storage that has to be restored first. */
  readonly archived: number;
  /** By extension, the most frequent first. */
  readonly formats: readonly { readonly format: string; readonly keys: number; readonly bytes: number }[];
  /** Quantiles of sizes in bytes, to two digits. */
  readonly sizes: Readonly<Record<'min' | 'p10' | 'p50' | 'p90' | 'p99' | 'max', number>>;
  /** Folders at the top: how many, and the largest. */
  readonly folders: { readonly count: number; readonly largest: number };
  readonly sure: readonly SureFailures[];
  readonly collisions: Collisions;
  readonly strata: readonly Stratum[];
}

export interface CensusOptions {
  readonly context: Pick<JobContext, 'job' | 'selection'>;
  readonly chance: Chance;
  /** Candidates of each stratum. */
  readonly room: number;
  /** Stops reading after so many keys. Default: at the end. */
  readonly most?: number | undefined;
  /** Stops reading at this time (epoch milliseconds). Default: at the end. */
  readonly until?: number | undefined;
  /** Looks whether an item is up to date, for each. Default: none is looked at. */
  readonly isUpToDate?: ((item: Item) => Promise<boolean>) | undefined;
  /** Where sources lie while they are compared. Default: the machine's temporary directory. */
  readonly directory?: string | undefined;
  /** Told how many keys have been read, page by page. */
  readonly onKeys?: ((keys: number) => void) | undefined;
}

/** Takes the census of the pages of a listing. Throws what reading them throws. */
export async function takeCensus(
  pages: AsyncIterable<readonly { readonly value: unknown }[]>,
  {
    context,
    chance,
    room,
    most = Number.POSITIVE_INFINITY,
    until,
    isUpToDate,
    directory,
    onKeys = () => {},
  }: CensusOptions,
): Promise<Census> {
  const { job } = context;
  const strata = createStrata(room, chance);
  const finder = createCollisionFinder(comparableKeys(job.recipe), directory === undefined ? {} : { directory });
  const skipped: Record<string, number> = {};
  const sure = new Map<string, { keys: number; examples: { key: string; message: string }[] }>();
  const formats = new Map<string, { keys: number; bytes: number }>();
  const folders = new Map<string, number>();
  const sizes = createHistogram({ figures: 3, highest: Number.MAX_SAFE_INTEGER });
  const counts = { keys: 0, selected: 0, bytes: 0, unknownSizes: 0, archived: 0 };
  let complete = true;
  let upToDate = 0;

  /** Counts an item by what its name and size tell. Answers it when it may be made. */
  function count(value: unknown): Item | undefined {
    try {
      const item = itemOf(value, job.reader.kind);
      const skip = skipReason(context, item);
      if (skip !== undefined) {
        skipped[skip] = (skipped[skip] ?? 0) + 1;
        return undefined;
      }
      checkSize(item, job);
      const relative = item.key.slice(job.source.prefix.length);
      finder.add(relative);
      const cut = relative.indexOf('/');
      const folder = cut < 0 ? '' : relative.slice(0, cut);
      if (folders.has(folder) || folders.size < MOST_FOLDERS) folders.set(folder, (folders.get(folder) ?? 0) + 1);
      return item;
    } catch (thrown) {
      const { name, message } = toFanoutError(thrown);
      const known = sure.get(name) ?? { keys: 0, examples: [] };
      sure.set(name, known);
      known.keys++;
      if (known.examples.length < MOST_EXAMPLES) known.examples.push({ key: keyOf(value, job.reader.kind), message });
      return undefined;
    }
  }

  function add({ key, bytes }: Item, value: unknown, index: number, done: boolean): void {
    const format = formatByName(key);
    counts.selected++;
    counts.bytes += bytes ?? 0;
    if (bytes === undefined) counts.unknownSizes++;
    else sizes.record(Math.max(1, bytes));
    if (ARCHIVES.has((value as { StorageClass?: string } | null)?.StorageClass ?? '')) counts.archived++;
    const name = formats.has(format) || formats.size < MOST_FORMATS ? format : 'others';
    const known = formats.get(name) ?? { keys: 0, bytes: 0 };
    formats.set(name, known);
    known.keys++;
    known.bytes += bytes ?? 0;
    if (done) upToDate++;
    else strata.add(format, bytes, { index, value });
  }

  try {
    for await (const page of pages) {
      const first = counts.keys;
      const kept = page.slice(0, most - first);
      counts.keys += kept.length;
      const items = kept.map(({ value }) => count(value));
      const done =
        isUpToDate === undefined ? [] : await together(items, (item) => item !== undefined && isUpToDate(item));
      for (const [place, item] of items.entries()) {
        if (item !== undefined) add(item, kept[place]?.value, first + place, done[place] === true);
      }
      if (kept.length < page.length) {
        complete = false;
        break;
      }
      onKeys(counts.keys);
      if (until !== undefined && Date.now() > until) {
        complete = false;
        break;
      }
    }
    const quantile = (percent: number) => (sizes.count === 0 ? 0 : sizes.percentile(percent));
    return {
      ...counts,
      ...(isUpToDate === undefined ? {} : { upToDate }),
      complete,
      skipped,
      formats: [...formats]
        .map(([format, of]) => ({ format, ...of }))
        .sort((a, b) => b.keys - a.keys || (a.format < b.format ? -1 : 1)),
      sizes: {
        min: sizes.count === 0 ? 0 : sizes.min,
        ...{ p10: quantile(10), p50: quantile(50), p90: quantile(90), p99: quantile(99) },
        max: sizes.count === 0 ? 0 : sizes.max,
      },
      folders: { count: folders.size, largest: Math.max(0, ...folders.values()) },
      sure: [...sure].map(([error, of]) => ({ error, ...of })).sort((a, b) => b.keys - a.keys),
      collisions: finder.find(),
      strata: strata.all(),
    };
  } finally {
    finder.close();
  }
}

/** What is sure by a size alone. Throws TooManyBytes and NotAnImage. */
function checkSize({ key, bytes }: Item, { limits }: PreparedJob): void {
  // Perhaps a name that is not UTF-8, which cannot be looked at: its size is none. Trying it tells.
  if (key.includes('\ufffd')) return;
  if (bytes !== undefined && bytes > limits.bytes) {
    throw new FanoutError('TooManyBytes', `"${key}" has ${bytes} bytes; the limit is ${limits.bytes}.`);
  }
  if (bytes === 0) throw new FanoutError('NotAnImage', `"${key}" is empty.`);
}

/** The format that a name tells: its extension in lower case, spellings of one format as one; `none` without one. */
export function formatByName(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  if (dot <= 0 || dot === name.length - 1) return 'none';
  const extension = name.slice(dot + 1).toLowerCase();
  return ALIASES[extension] ?? (extension.length > 12 ? 'others' : extension);
}
