// What is known of a key before it is read, and whether its outputs are there and current.

import { objectUri } from '../contract/location.ts';
import type { Item } from '../job/item.ts';
import type { PreparedJob } from '../job/prepared.ts';
import { staticOutputKeys } from '../recipe/keys.ts';
import { isFrom } from '../store/provenance.ts';
import type { Store } from '../store/store.ts';
import type { Seen } from './outputs.ts';

/** A prepared job with what its keys share: opened once, used by every key. */
export interface JobContext {
  readonly job: PreparedJob;
  readonly source: Store;
  readonly destination: Store;
  readonly isSelected: (relativeKey: string) => boolean;
  /** Watermarks by their reference in the recipe, and their ETags. */
  readonly overlays: ReadonlyMap<string, { readonly body: Buffer; readonly etag: string }>;
  /** The fingerprint of a key's work on the version of its source that has this ETag. */
  readonly fingerprintOf: (etag: string) => string;
}

/** What is known of a key before it is read. */
export interface Plan {
  readonly item: Item;
  /** Key below the source's prefix. */
  readonly relative: string;
  /** The source's URI, as provenance has it. */
  readonly uri: string;
  /** The outputs' full keys; undefined where only the image knows. */
  readonly keys: readonly (string | undefined)[];
  /** The place of the output that is written last: the mark that a key is done. */
  readonly marker: number;
}

export function planOf({ job }: JobContext, item: Item): Plan {
  const relative = item.key.slice(job.source.prefix.length);
  const keys = staticOutputKeys(job.recipe, relative).map(({ key }) =>
    key === undefined ? undefined : job.destination.prefix + key,
  );
  const known = keys.findLastIndex((key) => key !== undefined);
  const marker = known < 0 ? keys.length - 1 : known;
  return { item, relative, uri: objectUri(job.source.bucket, item.key), keys, marker };
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

/** Whether the mark says that the outputs are there and current. Not so of what this very run wrote: a retry tells the whole outcome again. */
export async function isCurrent(
  context: JobContext,
  { item, uri }: Plan,
  seen: Seen | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const theirs = seen?.head?.provenance;
  if (theirs === undefined || theirs.run === context.job.run || !isFrom(theirs, uri)) return false;
  const etag = item.etag ?? (await context.source.head(item.key, { signal }))?.etag;
  return etag !== undefined && theirs.fingerprint === context.fingerprintOf(etag);
}

/** Whether the key's outputs are there and current, without any work on it: for dry runs. */
export async function isUpToDate(context: JobContext, item: Item, signal: AbortSignal): Promise<boolean> {
  const plan = planOf(context, item);
  return await isCurrent(context, plan, await lookAtMark(context, plan, signal), signal);
}
