// What `prune` would remove: outputs that provenance proves to be of a job's source, and that the job does not ask for any more.
import { hash } from 'node:crypto';
import pLimit from 'p-limit';
import { OWN_FOLDER } from '../../lambda/contract/environment.ts';
import { isDirectory, objectUri } from '../../lambda/contract/location.ts';
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import type { JobContext } from '../../lambda/process/up-to-date.ts';
import { staticOutputKeys } from '../../lambda/recipe/keys.ts';
import { createSorter } from '../../lambda/report/sorter.ts';
import { normalizeSource } from '../../lambda/store/provenance.ts';
import type { ListedObject, Provenance, Store } from '../../lambda/store/store.ts';

/** Why an output is not asked for any more. */
export const REMOVE_REASONS = {
  sourceGone: 'source gone',
  recipeChanged: 'not asked for by the recipe any more',
} as const;

/** Why an object stays. */
export const KEEP_REASONS = {
  askedFor: 'asked for',
  notOurs: 'not made by image-fanout',
  changed: 'changed since they were made',
  otherSource: 'of another source',
  notMeant: 'of keys that the job leaves out',
  notDone: 'of keys that are not made with this recipe yet',
  untold: 'of which it cannot be told',
} as const;

export type RemoveReason = keyof typeof REMOVE_REASONS;
export type KeepReason = keyof typeof KEEP_REASONS;

/** One output that is to go: a line of the plan. */
export interface Removal {
  readonly key: string;
  readonly reason: RemoveReason;
  readonly etag: string;
  readonly bytes: number;
  /** The source's key, and its ETag; none where it is gone. */
  readonly source: string;
  readonly sourceEtag?: string;
  readonly fingerprint: string;
  /** The run that made it. */
  readonly run: string;
}

export interface PrunePlan {
  /** Objects that were looked at. */
  readonly looked: number;
  readonly kept: Readonly<Partial<Record<KeepReason, number>>>;
}

export interface PlanOptions {
  /** The job, once for each recipe whose outputs are wanted: what differs is the recipe. */
  readonly contexts: readonly [JobContext, ...JobContext[]];
  readonly signal: AbortSignal;
  /** Told of each output that is to go: those of one source one after the other, its mark first. */
  readonly remove: (removals: readonly Removal[]) => Promise<void>;
}

/** Looks at once: each costs a request. */
const LOOKS_AT_ONCE = 32;

/** An output of ours as it was found. */
interface Found extends Pick<Provenance, 'fingerprint' | 'run' | 'mark' | 'outputs'> {
  readonly key: string;
  readonly etag: string;
  readonly bytes: number;
  readonly uri: string;
}

/**
 * Goes through the destination, and through what is there of each source. Memory does not follow the number of objects:
 * they are sorted by source on disk.
 */
export async function planPrune({ contexts, signal, remove }: PlanOptions): Promise<PrunePlan> {
  const [{ job, destination }] = contexts;
  const limit = pLimit(LOOKS_AT_ONCE);
  const sorter = createSorter();
  const kept: Partial<Record<KeepReason, number>> = {};
  const keep = (reason: KeepReason, count = 1) => {
    if (count > 0) kept[reason] = (kept[reason] ?? 0) + count;
  };
  let looked = 0;
  try {
    for await (const page of destination.list(job.destination.prefix, { signal })) {
      const objects = page.filter(({ key }) => !isOwn(job, key));
      looked += objects.length;
      const heads = await Promise.all(objects.map((object) => limit(() => lookAt(destination, object, signal))));
      for (const found of heads) {
        if (typeof found === 'string') keep(found);
        else
          await sorter.add({
            index: Number.parseInt(hash('md5', found.uri).slice(0, 8), 16),
            line: JSON.stringify(found),
          });
      }
    }
    for await (const groups of bySource(sorter.sorted())) {
      signal.throwIfAborted();
      const decided = await Promise.all(groups.map((group) => limit(() => decide(contexts, group, signal))));
      for (const { removals, keeps } of decided) {
        for (const reason of keeps) keep(reason);
        if (removals.length > 0) await remove(removals);
      }
    }
  } finally {
    await sorter.close();
  }
  return { looked, kept };
}

/** The job's own folders: accounts are nobody's output. */
function isOwn({ destination, results, run }: PreparedJob, key: string): boolean {
  const place = results.prefix.slice(0, -`runs/${run}/`.length);
  return (
    key.startsWith(destination.prefix + OWN_FOLDER) ||
    (results.bucket === destination.bucket && place !== destination.prefix && key.startsWith(place))
  );
}

async function lookAt(store: Store, { key }: ListedObject, signal: AbortSignal): Promise<Found | KeepReason> {
  const head = await store.head(key, { signal });
  // Gone since it was listed.
  if (head === undefined) return 'untold';
  if (head.provenance === undefined) return head.changed === true ? 'changed' : 'notOurs';
  const { source: uri, ...provenance } = head.provenance;
  return { key, etag: head.etag, bytes: head.bytes, uri, ...provenance };
}

/** What is there of each source, some sources at a time. */
async function* bySource(
  rows: AsyncIterable<readonly { readonly index: number; readonly line: string }[]>,
): AsyncGenerator<readonly (readonly Found[])[]> {
  let index: number | undefined;
  let groups = new Map<string, Found[]>();
  let full: Found[][] = [];
  for await (const batch of rows) {
    for (const row of batch) {
      if (row.index !== index) full.push(...groups.values());
      if (row.index !== index) groups = new Map();
      index = row.index;
      const found = JSON.parse(row.line) as Found;
      const group = groups.get(found.uri);
      if (group === undefined) groups.set(found.uri, [found]);
      else group.push(found);
      if (full.length < LOOKS_AT_ONCE) continue;
      yield full;
      full = [];
    }
  }
  yield [...full, ...groups.values()];
}

interface Decided {
  readonly removals: readonly Removal[];
  readonly keeps: readonly KeepReason[];
}

/** What becomes of the outputs of one source. Whatever cannot be told for sure stays. */
async function decide(
  contexts: PlanOptions['contexts'],
  group: readonly Found[],
  signal: AbortSignal,
): Promise<Decided> {
  const [{ job, source, selection }] = contexts;
  const all = (reason: KeepReason): Decided => ({ removals: [], keeps: group.map(() => reason) });
  const relative = relativeKey(job, group[0]?.uri ?? '');
  if (typeof relative !== 'string') return all(relative.reason);
  if (selection.reasonAgainst(relative) !== undefined) return all('notMeant');
  const key = job.source.prefix + relative;
  const head = await source.head(key, { signal });
  // A mark first: once it is gone, nobody takes what is left for a whole work.
  const marksFirst = [...group].sort((a, b) => Number(a.mark !== undefined) - Number(b.mark !== undefined));
  const removal = (reason: RemoveReason, { key: output, etag, bytes, fingerprint, run }: Found): Removal => ({
    ...{ key: output, reason, etag, bytes, source: key },
    ...(head === undefined ? {} : { sourceEtag: head.etag }),
    ...{ fingerprint, run },
  });
  if (head === undefined) return { removals: marksFirst.map((found) => removal('sourceGone', found)), keeps: [] };

  const works = contexts.map((context) => workOf(context, relative, head.etag, group));
  const keeps: KeepReason[] = [];
  const removals: Removal[] = [];
  for (const found of marksFirst) {
    if (works.some(({ asksFor }) => asksFor(found))) keeps.push('askedFor');
    else if (works.every(({ isDone }) => isDone)) removals.push(removal('recipeChanged', found));
    else keeps.push('notDone');
  }
  return { removals, keeps };
}

interface Work {
  /** Whether the key is made with this recipe, by its mark: then all that it asks for is there, and told by its fingerprint. */
  readonly isDone: boolean;
  readonly asksFor: (found: Found) => boolean;
}

function workOf({ job, fingerprintOf }: JobContext, relative: string, etag: string, group: readonly Found[]): Work {
  const fingerprint = fingerprintOf(etag);
  const current = group.filter((found) => found.fingerprint === fingerprint);
  const there = new Set(current.map(({ key }) => key));
  const known = staticOutputKeys(job.recipe, relative).flatMap(({ key }) =>
    key === undefined ? [] : [job.destination.prefix + key],
  );
  // What the mark says is the last word; a mark that could not keep its list says what is known of the recipe.
  const mark = current.find((found) => found.mark === undefined);
  const told = mark?.outputs ?? (mark === undefined ? [] : [...known, mark.key]);
  const asked = new Set([...known, ...told]);
  return {
    isDone: mark !== undefined && told.every((key) => there.has(key)),
    asksFor: ({ key, fingerprint: theirs }) => theirs === fingerprint || asked.has(key),
  };
}

/** The key below the source that a URI of provenance names, or why there is none. */
function relativeKey(job: PreparedJob, uri: string): string | { readonly reason: KeepReason } {
  // A URI that was too long to be kept is a digest: whose it is cannot be told.
  if (uri.startsWith('sha256:')) return { reason: 'untold' };
  for (const { bucket, prefix } of [job.source, ...(job.sourceAliases ?? [])]) {
    const start = normalizeSource(objectUri(bucket, prefix));
    if (!uri.startsWith(start)) continue;
    const key = decoded(uri.slice(start.length), isDirectory({ bucket }));
    const isWhole = key !== undefined && normalizeSource(objectUri(bucket, prefix + key)) === uri;
    // A name that is no UTF-8 cannot be looked for.
    return isWhole && key !== '' && !key.includes('\ufffd') ? key : { reason: 'untold' };
  }
  return { reason: 'otherSource' };
}

function decoded(text: string, isPath: boolean): string | undefined {
  try {
    const uri = decodeURIComponent(text);
    return isPath ? uri.split('/').map(decodeURIComponent).join('/') : uri;
  } catch {
    return undefined;
  }
}
