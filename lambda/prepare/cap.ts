// The cap before the run: a job that cannot stay below it is refused, where the number of its keys can be known.
import { isDirectory } from '../contract/location.ts';
import { costOf, usageOf } from '../estimate/costs.ts';
import { pricesOf } from '../estimate/prices.ts';
import { priorOf } from '../estimate/prior.ts';
import { dollars, priceOfRequests } from '../guard/spent.ts';
import type { PreparedJob } from '../job/prepared.ts';
import { canLook, look } from './canary.ts';
import type { ListDependencies } from './key-list.ts';

/** What is guessed of an image's time may be three times too much: only what is surely needed refuses a job. */
const GUESS = 3;

/** US dollars that so many keys cost at least, all made anew. */
export function leastCost(job: PreparedJob, keys: number): number {
  const { recipe, source, destination, deployment, itemsPerInvocation } = job;
  const { milliseconds, outputs } = priorOf(recipe);
  if (deployment !== undefined) {
    const { memory, region, architecture } = deployment;
    const usage = usageOf({ images: keys, milliseconds: milliseconds / GUESS, outputs, itemsPerInvocation, memory });
    return costOf(usage, pricesOf(region).prices, architecture).total;
  }
  const gets = (isDirectory(source) ? 0 : 1) + (isDirectory(destination) ? 0 : 1 + outputs);
  const puts = isDirectory(destination) ? 0 : outputs;
  return keys * priceOfRequests({ gets, puts }, pricesOf(process.env['AWS_REGION']).prices);
}

/** What is wrong with the cap of a job, for `invalidJob`. */
export async function capProblems(job: PreparedJob, dependencies: ListDependencies): Promise<string[]> {
  const { maxCost } = job;
  if (maxCost === undefined || !canLook(job, dependencies) || leastCost(job, 1_000_000) === 0) return [];
  const { seen } = await look(job, 1, dependencies);
  const least = leastCost(job, seen);
  if (least <= maxCost) return [];
  return [
    `maxCost: expected at least ${dollars(least)}, which ${seen} keys or more cost by list prices when they are made anew, got ${dollars(maxCost)}; first or sample takes a part of them`,
  ];
}
