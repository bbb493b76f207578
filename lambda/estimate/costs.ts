// What a run costs: one formula from what it used of each service, whether that was counted by a ledger or told by a plan.
import { PRICES, type Prices } from './prices.ts';

/** What a run uses of each service. */
export interface Usage {
  /** Requests of the image functions: every try is one, a throttled one is none. */
  readonly invocations: number;
  /** What the image functions are billed for: seconds × memory, a GB being 1,024 MB. */
  readonly gigabyteSeconds: number;
  /** Children: EXPRESS executions. */
  readonly children: number;
  /** What they are billed for: seconds, each child's rounded up to a tenth, × 64 MB. */
  readonly childGigabyteSeconds: number;
  /** States that the STANDARD executions entered. */
  readonly transitions: number;
  /** S3 requests: GET and HEAD. */
  readonly gets: number;
  /** S3 requests: PUT and POST. */
  readonly puts: number;
  readonly lists: number;
  /** Bytes of log that come in. */
  readonly logBytes: number;
}

/** What each service takes for a run, in US dollars. */
export interface Costs {
  readonly lambda: number;
  readonly stepFunctions: number;
  readonly s3: number;
  readonly logs: number;
  readonly total: number;
}

export type Architecture = 'arm64' | 'x86_64';

/** The price of what was used. Default: arm64, list prices of us-east-1. */
export function costOf(usage: Usage, prices: Prices = PRICES, architecture: Architecture = 'arm64'): Costs {
  const second = architecture === 'x86_64' ? prices.lambdaGigabyteSecondX86 : prices.lambdaGigabyteSecond;
  const lambda = usage.invocations * prices.lambdaRequest + usage.gigabyteSeconds * second;
  const stepFunctions =
    usage.children * prices.expressRequest +
    usage.childGigabyteSeconds * prices.expressGigabyteSecond +
    usage.transitions * prices.standardTransition;
  const s3 = usage.gets * prices.s3Get + usage.puts * prices.s3Put + usage.lists * prices.s3List;
  const logs = (usage.logBytes / 1e9) * prices.logGigabyte;
  return { lambda, stepFunctions, s3, logs, total: lambda + stepFunctions + s3 + logs };
}

/** A run, as far as its price goes. */
export interface RunShape {
  /** Keys that are made. */
  readonly images: number;
  /** Milliseconds that the image function takes for one image: `ms.total` in the account. */
  readonly milliseconds: number;
  /** Objects written per image, manifests included. */
  readonly outputs: number;
  /** Keys that are found up to date: two heads each. Default: 0. */
  readonly upToDate?: number;
  /** Milliseconds for one that is up to date. Default: 50. */
  readonly upToDateMilliseconds?: number;
  /** Keys that are listed and left at that: they are items of children all the same. Default: 0. */
  readonly others?: number;
  /** Default: 1. */
  readonly itemsPerInvocation?: number;
  /** MB of the image function. Default: 1769. */
  readonly memory?: number;
  /** Tries that had to be made again, as a share of all invocations. Default: 0. */
  readonly retried?: number;
  /** Environments that had to be started, and the seconds that each is billed for. Default: none. */
  readonly coldStarts?: { readonly count: number; readonly seconds: number };
  /** Child-seconds spent in waiting for an environment. Default: 0. */
  readonly waitedSeconds?: number;
}

/** Bytes of log per invocation, as measured: Lambda's own lines and one of metrics. */
export const LOG_BYTES = 1500;
/** States of the STANDARD execution that a run enters. */
export const TRANSITIONS = 6;
/** GB of a child: the least that is billed, which the state machine's children do not pass. */
export const CHILD_GIGABYTES = 64 / 1024;
/** Requests for a key that is up to date: a HEAD of its mark, and one of the source where a listing does not tell the ETag. */
const UP_TO_DATE_GETS = 1;

/** A billed child's seconds: rounded up to a tenth. */
export function billedChildSeconds(seconds: number): number {
  // 0.3 s are three tenths, though 0.3 * 10 is more than 3 in floating point for some sums.
  return Math.max(0, Math.ceil(seconds * 10 - 1e-9)) / 10;
}

/** What a run of this shape uses: the formula of the README. Each image: one GET of the source, one HEAD to see whether it is up to date, one HEAD and one PUT per output. */
export function usageOf(shape: RunShape): Usage {
  const { images, milliseconds, outputs, upToDate = 0, upToDateMilliseconds = 50, others = 0 } = shape;
  const { itemsPerInvocation = 1, memory = 1769, retried = 0, coldStarts, waitedSeconds = 0 } = shape;
  const items = images + upToDate + others;
  const children = Math.ceil(items / itemsPerInvocation);
  const invocations = children * (1 + retried);
  const seconds = ((images * milliseconds + upToDate * upToDateMilliseconds) / 1000) * (1 + retried);
  const cold = coldStarts === undefined ? 0 : coldStarts.count * coldStarts.seconds;
  const each = children === 0 ? 0 : (seconds + cold + waitedSeconds) / children;
  return {
    invocations,
    gigabyteSeconds: (seconds + cold) * (memory / 1024),
    children,
    childGigabyteSeconds: children * billedChildSeconds(each) * CHILD_GIGABYTES,
    transitions: TRANSITIONS,
    gets: images * (2 + outputs) * (1 + retried) + upToDate * UP_TO_DATE_GETS,
    puts: images * outputs,
    lists: items / 1000,
    logBytes: invocations * LOG_BYTES,
  };
}

/** The price of a run of this shape. */
export function costs(shape: RunShape, prices: Prices = PRICES): Costs {
  return costOf(usageOf(shape), prices);
}
