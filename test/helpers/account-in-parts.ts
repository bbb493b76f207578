// An account in parts, made by one process: what the functions of the service do, in any order and as often as one likes.
import type { AccountOptions } from '../../lambda/report/account.ts';
import { finishAccount } from '../../lambda/report/parts/finish.ts';
import { gatherParts } from '../../lambda/report/parts/gather.ts';
import { type PlanOptions, planAccount } from '../../lambda/report/parts/plan.ts';
import { sortRange } from '../../lambda/report/parts/sort-range.ts';
import { FILES, type PartTask, type Plan, readWork, type Work } from '../../lambda/report/parts/work.ts';
import { writePart } from '../../lambda/report/parts/write-part.ts';
import type { Summary } from '../../lambda/report/summary.ts';

/** Makes it; `inOrder` says in which order pieces of work are done, and which are done again. */
export async function accountInParts(
  options: AccountOptions & PlanOptions,
  inOrder: <T>(pieces: readonly T[]) => readonly T[] = (pieces) => pieces,
): Promise<Summary> {
  const { store, folder, job } = options;
  const work: Work = { folder, prefix: `${folder.prefix}account/one/` };
  await planAccount(store, work, options);
  const plan = await readWork<Plan>(store, work, FILES.plan);
  for (const range of inOrder(plan.ranges)) await sortRange(store, work, range, job, plan);
  await gatherParts(store, work);
  const parts = await readWork<PartTask[]>(store, work, FILES.parts);
  for (const part of inOrder(parts)) await writePart(store, work, part, plan.places, job);
  return await finishAccount(store, work, options);
}
