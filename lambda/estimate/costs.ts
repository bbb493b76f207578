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
  /** Traces that X-Ray records. Default: 0. */
  readonly traces?: number;
  /** Custom metrics, each times the hours in which it has values. Default: 0. */
  readonly metricHours?: number;
  /** Requests to KMS. Default: 0. */
  readonly kmsRequests?: number;
  /** Events of S3 that EventBridge took. Default: 0. */
  readonly s3Events?: number;
  /** Messages to the topic. Default: 0. */
  readonly publishes?: number;
}

/** What each service takes for a run, in US dollars. */
export interface Costs {
  readonly lambda: number;
  readonly stepFunctions: number;
  readonly s3: number;
  readonly logs: number;
  readonly xray: number;
  /** CloudWatch's custom metrics. */
  readonly metrics: number;
  readonly kms: number;
  readonly eventBridge: number;
  readonly sns: number;
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
  const parts = {
    lambda,
    stepFunctions,
    s3,
    logs: (usage.logBytes / 1e9) * prices.logGigabyte,
    xray: (usage.traces ?? 0) * prices.xrayTrace,
    metrics: ((usage.metricHours ?? 0) * prices.metricMonth) / HOURS_OF_A_MONTH,
    kms: (usage.kmsRequests ?? 0) * prices.kmsRequest,
    eventBridge: (usage.s3Events ?? 0) * prices.s3Event,
    sns: (usage.publishes ?? 0) * prices.snsPublish,
  };
  return { ...parts, total: Object.values(parts).reduce((sum, part) => sum + part, 0) };
}

/** As AWS counts a month in its examples. */
const HOURS_OF_A_MONTH = 730;

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
  /** Most invocations at once: what the duration is made of. Default: 100. */
  readonly maxConcurrency?: number;
  /** Whether the places have KMS keys and no bucket keys: then each request for an object is one to KMS. Default: no. */
  readonly kms?: boolean;
  /** Whether S3's events started it: one an image. Default: no. */
  readonly uploads?: boolean;
}

/** Bytes of log per invocation, as measured: Lambda's own lines and one of metrics. */
export const LOG_BYTES = 1500;
/** States of the STANDARD execution that a run enters. */
export const TRANSITIONS = 7;
/** GB of a child: the least that is billed, which the state machine's children do not pass. */
export const CHILD_GIGABYTES = 64 / 1024;
/** Requests for a key that is up to date: a HEAD of its mark, and one of the source where a listing does not tell the ETag. */
const UP_TO_DATE_GETS = 1;

/** New children a second: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const MOST_NEW_CHILDREN = 1000;
/** Custom metrics that a run without failures has values of: keys, their time, outputs, bytes in and out, and the report's. */
export const RUN_METRICS = 6;

/** How long a run of this shape takes at the least, in seconds: its keys `maxConcurrency` at a time, as fast as children start. */
export function secondsOf(shape: RunShape): number {
  const { images, milliseconds, upToDate = 0, upToDateMilliseconds = 50, others = 0, itemsPerInvocation = 1 } = shape;
  const busy = (images * milliseconds + upToDate * upToDateMilliseconds) / 1000;
  const children = Math.ceil((images + upToDate + others) / itemsPerInvocation);
  return Math.max(busy / (shape.maxConcurrency ?? 100), children / MOST_NEW_CHILDREN);
}

/**
 * Traces that X-Ray records by its default rule, which functions cannot change: one a second and 5 % of what is more.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
 */
export function tracesOf(invocations: number, seconds: number): number {
  const first = Math.min(invocations, Math.ceil(seconds));
  return first + (invocations - first) * 0.05;
}

/** Custom metrics are billed for each hour in which they have values. */
export function metricHoursOf(metrics: number, seconds: number): number {
  return metrics * Math.max(1, Math.ceil(seconds / 3600));
}

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
  const duration = secondsOf(shape);
  const gets = images * (2 + outputs) * (1 + retried) + upToDate * UP_TO_DATE_GETS;
  const puts = images * outputs;
  const each = children === 0 ? 0 : (seconds + cold + waitedSeconds) / children;
  return {
    invocations,
    gigabyteSeconds: (seconds + cold) * (memory / 1024),
    children,
    childGigabyteSeconds: children * billedChildSeconds(each) * CHILD_GIGABYTES,
    transitions: TRANSITIONS,
    gets,
    puts,
    lists: items / 1000,
    logBytes: invocations * LOG_BYTES,
    traces: tracesOf(invocations, duration),
    metricHours: metricHoursOf(RUN_METRICS, duration),
    // A HEAD that finds nothing decrypts nothing: each output's first one.
    kmsRequests: shape.kms === true ? images * (1 + outputs) : 0,
    s3Events: shape.uploads === true ? images : 0,
    publishes: 1,
  };
}

/** The price of a run of this shape. */
export function costs(shape: RunShape, prices: Prices = PRICES): Costs {
  return costOf(usageOf(shape), prices);
}
