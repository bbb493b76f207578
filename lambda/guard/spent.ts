// What a run under way has cost so far, by list prices: the formula of the estimate on what is counted while it runs.
import { type Architecture, CHILD_GIGABYTES, costOf, LOG_BYTES, TRANSITIONS, type Usage } from '../estimate/costs.ts';
import type { Prices } from '../estimate/prices.ts';

/** What is known of a run under way on AWS. */
export interface Counted {
  /** Children that were started. */
  readonly children: number;
  /** The time that children ran for, all together: the image functions can be billed for no more. */
  readonly busySeconds: number;
  /** Requests to S3. */
  readonly gets: number;
  readonly puts: number;
}

export interface Deployed {
  /** MB of the image function. */
  readonly memory: number;
  readonly architecture: Architecture;
  readonly prices: Prices;
}

/** US dollars. Waits for an environment count as if they were billed: it is rather too much than too little. */
export function spentOnAws({ children, busySeconds, gets, puts }: Counted, deployed: Deployed): number {
  const usage: Usage = {
    ...{ invocations: children, children, gets, puts },
    gigabyteSeconds: busySeconds * (deployed.memory / 1024),
    // Rounded up to a tenth of a second: by half of one on average.
    childGigabyteSeconds: (busySeconds + children * 0.05) * CHILD_GIGABYTES,
    transitions: TRANSITIONS,
    lists: children / 1000,
    logBytes: children * LOG_BYTES,
  };
  return costOf(usage, deployed.prices, deployed.architecture).total;
}

/** US dollars for requests alone: what a run on one's own machine costs. */
export function priceOfRequests({ gets, puts }: { gets: number; puts: number }, prices: Prices): number {
  return gets * prices.s3Get + puts * prices.s3Put;
}

/** An amount for a person: cents, and where it is less than ten of them, as many digits as tell something. */
export function dollars(amount: number): string {
  return `$${amount >= 0.1 ? amount.toFixed(2) : amount.toPrecision(2)}`;
}
