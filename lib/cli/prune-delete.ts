// Carries out what `prune` has planned: each output is looked at again, and removed only as the version that was planned.
import pLimit from 'p-limit';
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { LEASE_FILE, leaseHolder } from '../../lambda/store/lease.ts';
import type { OpenStore, Store } from '../../lambda/store/store.ts';
import type { Removal } from './prune-plan.ts';

/** What became of a planned removal. */
export interface Removed extends Removal {
  readonly result: 'removed' | 'kept';
  /** Why it was kept after all. */
  readonly why?: 'outputChanged' | 'sourceChanged';
}

/** Sources whose outputs are removed at once. */
const AT_ONCE = 16;

export interface DeleteOptions {
  readonly source: Store;
  readonly destination: Store;
  readonly signal: AbortSignal;
  /** Asked before every few outputs; throws what keeps all further ones from being removed. */
  readonly check: () => Promise<void>;
  readonly onRemoved: (removed: Removed) => void;
}

/** Removes them, those of one source in their order. Ends early, without an error, once the signal is aborted. */
export async function deleteAll(
  planned: AsyncIterable<Removal>,
  { source, destination, signal, check, onRemoved }: DeleteOptions,
): Promise<void> {
  const limit = pLimit(AT_ONCE);
  for await (const groups of grouped(planned)) {
    if (signal.aborted) return;
    await check();
    await Promise.all(groups.map((group) => limit(() => removeOf(group))));
  }

  async function removeOf(group: readonly Removal[]): Promise<void> {
    for (const removal of group) {
      if (signal.aborted) return;
      const { key, etag, fingerprint, run } = removal;
      // The proof once more: its source is as it was, and so is the output.
      const [now, theirs] = await Promise.all([source.head(removal.source), destination.head(key)]);
      const same =
        theirs?.etag === etag && theirs.provenance?.fingerprint === fingerprint && theirs.provenance.run === run;
      if (now?.etag !== removal.sourceEtag) onRemoved({ ...removal, result: 'kept', why: 'sourceChanged' });
      else if (!same || !(await destination.remove(key, { etag })))
        onRemoved({ ...removal, result: 'kept', why: 'outputChanged' });
      else onRemoved({ ...removal, result: 'removed' });
    }
  }
}

async function* grouped(planned: AsyncIterable<Removal>): AsyncGenerator<readonly Removal[][]> {
  let groups: Removal[][] = [];
  for await (const removal of planned) {
    const last = groups.at(-1);
    if (last?.[0]?.source === removal.source) {
      last.push(removal);
      continue;
    }
    if (groups.length === AT_ONCE) {
      yield groups;
      groups = [];
    }
    groups.push([removal]);
  }
  yield groups;
}

/** Milliseconds for which an answer on live runs is taken as true. */
const REMEMBERED = 5_000;

/** Answers a run that is being worked on below a place of results, in words; undefined when there is none. */
export function liveRunIn(
  open: OpenStore,
  { results, run }: Pick<PreparedJob, 'results' | 'run'>,
): () => Promise<string | undefined> {
  const store = open(results.bucket);
  const runs = results.prefix.slice(0, -`${run}/`.length);
  let known: { readonly at: number; readonly answer: string | undefined } | undefined;
  return async () => {
    if (known !== undefined && Date.now() - known.at < REMEMBERED) return known.answer;
    let answer: string | undefined;
    for await (const page of store.list(runs)) {
      for (const { key } of page) {
        if (answer !== undefined || !key.endsWith(`/${LEASE_FILE}`)) continue;
        const holder = await leaseHolder(store, key);
        if (holder !== undefined) answer = `${key.slice(runs.length).split('/')[0]} (${holder})`;
      }
    }
    known = { at: Date.now(), answer };
    return answer;
  };
}
