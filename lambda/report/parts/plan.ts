// The first function of an account in parts: which ranges of which result files there are.
import type { Store } from '../../store/store.ts';
import { findResultFiles } from '../run-folder.ts';
import { rangesOf } from './ranges.ts';
import { FILES, type Plan, type Work, writeWork } from './work.ts';

export interface PlanOptions {
  /** Bytes of a range. Default: 64 MiB, so that its rows fit in memory. */
  readonly rangeBytes?: number;
  /** Places in the input that a part of the items has. Default: a quarter of a million. */
  readonly places?: number;
}

/** Writes the plan, and the list of ranges for the Map over them. Answers how many these are. */
export async function planAccount(
  store: Store,
  work: Work,
  { rangeBytes = 64 * 1024 * 1024, places = 250_000 }: PlanOptions = {},
): Promise<number> {
  const found = await findResultFiles(store, work.folder);
  const plan: Plan = {
    attempts: found.attempts.map(({ folder, complete }) => ({ folder, complete })),
    missing: found.missing,
    resultFiles: found.attempts.reduce((sum, { files }) => sum + files.length, 0),
    places,
    ranges: rangesOf(found, rangeBytes).map((range, number) => ({ number, ...range })),
  };
  await writeWork(store, work, FILES.plan, plan);
  await writeWork(store, work, FILES.ranges, plan.ranges);
  return plan.ranges.length;
}
