// What is known of a key before it is read, and whether its outputs are there and current.

import { changedParts } from '../contract/fingerprint.ts';
import { isDirectory, objectUri } from '../contract/location.ts';
import { together } from '../contract/together.ts';
import type { Item } from '../job/item.ts';
import type { PreparedJob } from '../job/prepared.ts';
import type { Selection } from '../job/selection.ts';
import { staticOutputKeys } from '../recipe/keys.ts';
import { canPointTo, isFrom } from '../store/provenance.ts';
import type { Provenance, Store } from '../store/store.ts';
import type { Seen } from './outputs.ts';

/** A prepared job with what its keys share: opened once, used by every key. */
export interface JobContext {
  readonly job: PreparedJob;
  readonly source: Store;
  readonly destination: Store;
  readonly selection: Selection;
  /** Watermarks by their reference in the recipe, and their ETags. */
  readonly overlays: ReadonlyMap<string, { readonly body: Buffer; readonly etag: string }>;
  /** The fingerprint of a key's work on the version of its source that has this ETag. */
  readonly fingerprintOf: (etag: string) => string;
  /** Whether the items come from a listing that this very execution has just made. */
  readonly fresh: boolean;
  /** Who works on an earlier run at this moment, in words; undefined when nobody does, or it cannot be told. */
  readonly liveRun: (run: string) => Promise<string | undefined>;
}

/** What is known of a key before it is read. */
export interface Plan {
  readonly item: Item;
  /** Key below the source's prefix. */
  readonly relative: string;
  /** The source's URI, as provenance has it. */
  readonly uri: string;
  /** The same, and what else earlier runs may have called it. */
  readonly uris: readonly string[];
  /** The outputs' full keys; undefined where only the image knows. */
  readonly keys: readonly (string | undefined)[];
  /** The place of the output that is written last: the mark that a key is done. */
  readonly marker: number;
  /** Whether the mark alone is no proof: then every output is looked at. */
  readonly looksAtAll: boolean;
}

export function planOf({ job }: JobContext, item: Item): Plan {
  const relative = item.key.slice(job.source.prefix.length);
  const keys = fullKeys(job, relative, 1);
  const known = keys.findLastIndex((key) => key !== undefined);
  const marker = known < 0 ? keys.length - 1 : known;
  const mark = keys[marker];
  // An output that cannot say where its mark is leaves it as it is when another recipe's takes its place.
  const others = job.recipe.pages === 'all' ? fullKeys(job, relative, 2) : [];
  const pointing =
    mark === undefined ||
    [...keys, ...others].every((key) => key === undefined || key === mark || canPointTo(mark, key));
  const looksAtAll = job.verify === true || isDirectory(job.destination) || !pointing;
  const uri = objectUri(job.source.bucket, item.key);
  const aliases = (job.sourceAliases ?? []).map(({ bucket, prefix }) => objectUri(bucket, prefix + relative));
  return { item, relative, uri, uris: [uri, ...aliases], keys, marker, looksAtAll };
}

/** The full keys of a page's outputs. */
function fullKeys({ recipe, destination }: PreparedJob, relative: string, page: number): (string | undefined)[] {
  return staticOutputKeys(recipe, relative, page).map(({ key }) =>
    key === undefined ? undefined : destination.prefix + key,
  );
}

/** One look at the output that is written last. Not taken when no output key can be known before the work is done. */
export async function lookAtMark(
  { job, destination }: JobContext,
  { keys, marker }: Plan,
  signal: AbortSignal,
): Promise<Seen | undefined> {
  const key = keys[marker];
  if (job.existing !== 'skip' || key === undefined) return undefined;
  return { key, head: await destination.head(key, { signal }) };
}

/** Why a key is made: nothing of it is there; what changed since; or what is there is not whole. */
export const REASONS_TO_MAKE = {
  new: 'new',
  sourceChanged: 'source changed',
  recipeChanged: 'recipe changed',
  rendererChanged: 'renderer changed',
  outputMissing: 'an output missing',
  notFinished: 'not finished',
  replace: 'to be replaced',
  untold: 'only the image tells',
} as const;

export type ReasonToMake = keyof typeof REASONS_TO_MAKE;

/**
 * Whether the outputs are there and current: by the mark alone, or by each of them where a look costs no request or the
 * job asks for it (`verify`). Not so of what this very run wrote: a retry tells the whole outcome again.
 */
export async function isCurrent(
  context: JobContext,
  plan: Plan,
  seen: Seen | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  return (await reasonsToMake(context, plan, seen, signal)).length === 0;
}

/** Why the outputs are not there and current; empty when they are. */
async function reasonsToMake(
  context: JobContext,
  plan: Plan,
  seen: Seen | undefined,
  signal: AbortSignal,
): Promise<readonly ReasonToMake[]> {
  const { item, uris } = plan;
  if (seen === undefined) return [context.job.existing === 'skip' ? 'untold' : 'replace'];
  const theirs = seen.head?.provenance;
  if (theirs === undefined || !isFrom(theirs, uris)) return ['new'];
  if (theirs.run === context.job.run) return ['notFinished'];
  const etag = freshEtag(context, item) ?? (await context.source.head(item.key, { signal }))?.etag;
  if (etag === undefined) return ['sourceChanged'];
  const mine = context.fingerprintOf(etag);
  if (theirs.fingerprint !== mine) {
    const parts = changedParts(theirs.fingerprint, mine);
    return parts?.map((part) => `${part}Changed` as const) ?? ['notFinished'];
  }
  return plan.looksAtAll && !(await othersAreThere(context, plan, theirs, signal)) ? ['outputMissing'] : [];
}

/** A source's ETag that needs not be asked for: only what this very execution has listed. Others may be of any age. */
function freshEtag({ job, fresh }: JobContext, { etag }: Item): string | undefined {
  return fresh && job.reader.kind === 'LIST' && etag !== '' ? etag : undefined;
}

/** Whether every output but the mark is there, made by the same work. */
async function othersAreThere(
  { job, destination }: JobContext,
  { keys, marker, uris }: Plan,
  { outputs, fingerprint }: Provenance,
  signal: AbortSignal,
): Promise<boolean> {
  const paged = job.recipe.pages === 'all';
  if (keys.length === 1 && !paged) return true;
  // What only the image knows is on the mark's own list; a directory keeps none for a single output.
  const alone = paged && keys.length === 1 && isDirectory(job.destination) ? keys : undefined;
  const all = outputs ?? (paged ? alone : keys);
  if (all === undefined || all.includes(undefined) || (!paged && all.length !== keys.length)) return false;
  const there = await together(all as readonly string[], async (key) => {
    if (key === keys[marker]) return true;
    const theirs = (await destination.head(key, { signal }))?.provenance;
    return theirs !== undefined && theirs.fingerprint === fingerprint && isFrom(theirs, uris);
  });
  return !there.includes(false);
}

/** Keys told of one source's leftover pages. */
const MOST_LEFTOVER = 1000;

/**
 * Outputs of pages that an earlier version of the source had: the pages after the last, as long as one of them is there
 * and of this source. Found where the recipe alone says the keys.
 */
export async function leftoverPages(
  { job, destination }: JobContext,
  { relative, keys, marker, uris }: Plan,
  made: readonly { readonly name: string; readonly page?: number }[],
  signal: AbortSignal,
): Promise<string[]> {
  const found: string[] = [];
  if (job.recipe.pages !== 'all') return found;
  const paged = made.filter(({ page }) => page !== undefined);
  const names = new Set((paged.length > 0 ? paged : made).map(({ name }) => name));
  const last = Math.max(1, ...paged.map(({ page }) => page ?? 1));
  for (let page = last + 1; found.length < MOST_LEFTOVER; page += 1) {
    const beyond = fullKeys(job, relative, page).filter(
      (key, place): key is string =>
        key !== undefined && key !== keys[place] && names.has(job.recipe.outputs[place]?.name ?? ''),
    );
    const there = await together(beyond, async (key) => {
      const theirs = (await destination.head(key, { signal }))?.provenance;
      const ofThisKey = theirs !== undefined && isFrom(theirs, uris);
      return ofThisKey && (theirs.mark ?? keys[marker]) === keys[marker] ? [key] : [];
    });
    if (there.flat().length === 0) break;
    found.push(...there.flat());
  }
  return found;
}

/** Why a key would be made, without any work on it; empty when its outputs are there and current: for dry runs. */
export async function whyToMake(
  context: JobContext,
  item: Item,
  signal: AbortSignal,
): Promise<readonly ReasonToMake[]> {
  const plan = planOf(context, item);
  const why = await reasonsToMake(context, plan, await lookAtMark(context, plan, signal), signal);
  if (why[0] !== 'new') return why;
  // The mark is not there, and perhaps another output of the same source is.
  const others = await together(
    plan.keys.filter((key) => key !== undefined),
    async (key) => (await context.destination.head(key, { signal }))?.provenance,
  );
  return others.some((theirs) => theirs !== undefined && isFrom(theirs, plan.uris)) ? ['outputMissing'] : why;
}
