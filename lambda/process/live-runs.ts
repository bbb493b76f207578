// Whether another run of the same place of results is at work: asked where its outputs are in the way.
import type { PreparedJob } from '../job/prepared.ts';
import { LEASE_FILE, leaseHolder } from '../store/lease.ts';
import type { Store } from '../store/store.ts';

/** Milliseconds for which an answer is taken as true: a run that has just ended is in nobody's way for longer. */
const REMEMBERED = 5_000;

/**
 * Answers who works on a run at this moment, in words; undefined when nobody does or it cannot be told: Step Functions
 * keeps no lease, and a function may not look into other runs' folders.
 */
export function liveRuns(store: Store, { results, run }: PreparedJob): (run: string) => Promise<string | undefined> {
  const answers = new Map<string, { readonly at: number; readonly answer: Promise<string | undefined> }>();
  const runs = results.prefix.endsWith(`/${run}/`) ? results.prefix.slice(0, -run.length - 1) : undefined;
  return (other) => {
    if (runs === undefined) return Promise.resolve(undefined);
    const known = answers.get(other);
    if (known !== undefined && Date.now() - known.at < REMEMBERED) return known.answer;
    if (answers.size > 1000) answers.clear();
    const answer = leaseHolder(store, `${runs}${other}/${LEASE_FILE}`).catch(() => undefined);
    answers.set(other, { at: Date.now(), answer });
    return answer;
  };
}
