// A run on AWS, told from what its keys take: simulated, priced, and compared with other settings of the job.
import {
  type Architecture,
  billedChildSeconds,
  CHILD_GIGABYTES,
  type Costs,
  costOf,
  LOG_BYTES,
  TRANSITIONS,
  type Usage,
} from '../estimate/costs.ts';
import type { Prices } from '../estimate/prices.ts';
import { type Bottleneck, type Load, SERVICE, type Simulated, simulate } from '../estimate/simulate.ts';

/** What all keys of a run take together, as far as AWS is concerned. */
export interface Demand {
  /** Keys that are made or tried: each takes one of `classes`. */
  readonly made: number;
  /** CPU seconds of one key's image work, in classes with their shares, which add up to 1. */
  readonly classes: readonly { readonly seconds: number; readonly share: number }[];
  /** Mean bytes of a source, and of all outputs of one key. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Objects written for one key. */
  readonly outputs: number;
  readonly upToDate: number;
  /** Items of the listing that are left out by their names: items of children all the same. */
  readonly others: number;
  /** LIST requests. */
  readonly lists: number;
}

/** The job's settings that matter here. */
export interface Settings {
  readonly maxConcurrency: number;
  readonly itemsPerInvocation: number;
  /** MB of the image function. */
  readonly memory: number;
}

export interface Environment {
  readonly architecture: Architecture;
  readonly prices: Prices;
  /** Environments that the function may have. */
  readonly environments: number;
}

/** What a run takes. */
export interface OnAws {
  /** From the start of the execution to its end. */
  readonly seconds: number;
  /** Of these: what Prepare and the first children take, the images, the account. */
  readonly stages: { readonly prepare: number; readonly images: number; readonly account: number };
  readonly costs: Costs;
  readonly usage: Usage;
  readonly children: number;
  readonly coldStarts: number;
  readonly waitedSeconds: number;
  readonly s3Seconds: number;
  /** Keys a second, when it is under way. */
  readonly keysPerSecond: number;
  readonly bottleneck: Bottleneck;
}

/**
 * What is assumed and not measured, each in seconds unless said otherwise. S3's from its documentation
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html: 100 to 200 ms for small objects is the
 * upper end, some 85 to 90 MB/s a request), within one Region; `upToDate` and `others` of this project's own bench.
 */
export const ASSUMED = {
  get: 0.03,
  head: 0.015,
  put: 0.05,
  /** Bytes a second of one request. */
  throughput: 80e6,
  upToDate: 0.03,
  other: 0.002,
  /** Of a child around its Task, and of the execution around its Map. */
  childOverhead: 0.05,
  prepare: 3,
  /** Keys a second of the account. */
  account: 20_000,
  /** Invocations that fail for a reason that passes, and are made again, as a share. */
  retried: 0.001,
} as const;

/** MB of memory that Lambda gives one whole processor for: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const PROCESSOR = 1769;
/** Pipelines of one image that run side by side at most, whatever the processors (lambda/image/job.ts). */
const SIDE_BY_SIDE = 4;
/** Keys of one batch that are worked on at once (lambda/process/process.ts). */
const BATCH_SIDE_BY_SIDE = 4;

/** Seconds that a key's image work takes at so much memory. Below one processor it is slower in proportion; above, only what can run side by side is faster. */
export function secondsAt(cpuSeconds: number, memory: number, outputs: number): number {
  const processors = memory / PROCESSOR;
  if (processors <= 1) return cpuSeconds / processors;
  // A fifth is decoding and what follows one after the other.
  const useful = Math.min(processors, SIDE_BY_SIDE, Math.max(1, outputs));
  return cpuSeconds * (0.2 + 0.8 / useful);
}

/** Seconds of one child with so many keys, as classes. */
function childClasses(demand: Demand, { itemsPerInvocation, memory }: Settings): Load['seconds'] {
  const { made, upToDate, others, outputs } = demand;
  const items = made + upToDate + others;
  const transfer = (demand.bytesIn + demand.bytesOut) / ASSUMED.throughput;
  const requests = ASSUMED.get + 2 * ASSUMED.head + (outputs > 0 ? 2 * ASSUMED.put : 0) + transfer;
  const each = [
    ...demand.classes.map(({ seconds, share }) => ({
      cpu: secondsAt(seconds, memory, outputs),
      io: requests,
      share: (share * made) / items,
    })),
    { cpu: 0, io: ASSUMED.upToDate, share: upToDate / items },
    { cpu: 0, io: ASSUMED.other, share: others / items },
  ].filter(({ share }) => share > 0);
  if (itemsPerInvocation === 1) return each.map(({ cpu, io, share }) => ({ seconds: cpu + io, share }));
  // Of a batch, keys share the processor and wait for S3 side by side; sums of several are near their mean (central limit).
  const n = itemsPerInvocation;
  const of = (value: (one: (typeof each)[number]) => number) =>
    each.reduce((sum, one) => sum + one.share * value(one), 0);
  const cpu = of((one) => one.cpu);
  const spread = Math.sqrt(Math.max(0, of((one) => one.cpu ** 2) - cpu ** 2) * n);
  const mean = n * cpu + (n * of((one) => one.io)) / Math.min(n, BATCH_SIDE_BY_SIDE);
  const half = Math.min(spread, mean * 0.9);
  return [
    { seconds: mean - half, share: 0.25 },
    { seconds: mean, share: 0.5 },
    { seconds: mean + half, share: 0.25 },
  ];
}

/** Tells what the run takes. */
export function onAws(demand: Demand, settings: Settings, environment: Environment): OnAws {
  const items = demand.made + demand.upToDate + demand.others;
  const children = Math.ceil(items / settings.itemsPerInvocation);
  const perChild = items === 0 ? 0 : items / children;
  const seconds = items === 0 ? [] : childClasses(demand, settings);
  const made = items === 0 ? 0 : demand.made / items;
  const upToDate = items === 0 ? 0 : demand.upToDate / items;
  const load: Load = {
    children,
    seconds,
    reads: perChild * (made * (2 + demand.outputs) + upToDate),
    writes: perChild * made * demand.outputs,
    retried: ASSUMED.retried,
  };
  const simulated: Simulated = simulate(load, {
    maxConcurrency: settings.maxConcurrency,
    environments: environment.environments,
  });
  const invocations = children * (1 + ASSUMED.retried) + 2;
  const beyond =
    children === 0
      ? 0
      : (simulated.waitedSeconds + simulated.s3Seconds + simulated.coldStarts * SERVICE.coldSeconds) / children;
  const billed = seconds.reduce(
    (sum, one) => sum + one.share * billedChildSeconds(one.seconds + ASSUMED.childOverhead + beyond),
    0,
  );
  const usage: Usage = {
    invocations,
    gigabyteSeconds: simulated.busySeconds * (settings.memory / 1024),
    children,
    childGigabyteSeconds: children * billed * CHILD_GIGABYTES,
    transitions: TRANSITIONS,
    gets: demand.made * (2 + demand.outputs) * (1 + ASSUMED.retried) + demand.upToDate,
    puts: demand.made * demand.outputs,
    lists: demand.lists,
    logBytes: invocations * LOG_BYTES,
  };
  const stages = { prepare: ASSUMED.prepare, images: simulated.seconds, account: 2 + items / ASSUMED.account };
  return {
    seconds: stages.prepare + stages.images + stages.account,
    stages,
    costs: costOf(usage, environment.prices, environment.architecture),
    usage,
    children,
    coldStarts: simulated.coldStarts,
    waitedSeconds: simulated.waitedSeconds,
    s3Seconds: simulated.s3Seconds,
    keysPerSecond: simulated.rate * perChild,
    bottleneck: simulated.bottleneck,
  };
}

/** A setting that would be better, and what it would save. */
export interface Advice {
  readonly setting: keyof Settings;
  readonly now: number;
  readonly better: number;
  /** Dollars and seconds that it saves alone, the others as they are; less than zero where it costs some of one for the other. */
  readonly saves: { readonly dollars: number; readonly seconds: number };
  readonly why: string;
}

const MEMORIES = [512, 1024, 1769, 2048, 3008] as const;
const BATCHES = [1, 2, 5, 10, 20, 50, 100] as const;
const CONCURRENCIES = [10, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] as const;
/** Seconds: what the image function has for a batch, with room for those that take long. */
const MOST_BATCH_SECONDS = 60;
/** Shares of the price, and of the time, below which a change is none. */
const WORTH_DOLLARS = 0.02;
const WORTH_SECONDS = 0.1;
const LEAST_DOLLARS = 0.01;
const LEAST_SECONDS = 10;

/** The settings that would save something. `leastMemory` is what images were seen to need, in MB. */
export function adviceFor(
  demand: Demand,
  settings: Settings,
  environment: Environment,
  { leastMemory, slowest }: { readonly leastMemory: number; readonly slowest: number },
): Advice[] {
  if (demand.made + demand.upToDate + demand.others === 0) return [];
  const now = onAws(demand, settings, environment);
  const found: Advice[] = [];
  const consider = (setting: keyof Settings, values: readonly number[], why: (better: OnAws) => string): void => {
    const options = values.map((value) => ({
      value,
      run: onAws(demand, { ...settings, [setting]: value }, environment),
    }));
    const [best] = options.sort((a, b) => worth(a.run, now) - worth(b.run, now));
    if (best === undefined || best.value === settings[setting]) return;
    const saves = { dollars: now.costs.total - best.run.costs.total, seconds: now.seconds - best.run.seconds };
    const dollars = Math.max(LEAST_DOLLARS, WORTH_DOLLARS * now.costs.total);
    if (saves.dollars < dollars && saves.seconds < Math.max(LEAST_SECONDS, WORTH_SECONDS * now.seconds)) return;
    found.push({ setting, now: settings[setting], better: best.value, saves, why: why(best.run) });
  };
  consider(
    'memory',
    MEMORIES.filter((memory) => memory >= leastMemory),
    () => `images took ${Math.round(leastMemory)} MB at most, with room`,
  );
  const batches = BATCHES.filter(
    (batch) => batch === 1 || batch * secondsAt(slowest, settings.memory, demand.outputs) <= MOST_BATCH_SECONDS,
  );
  consider('itemsPerInvocation', batches, () => 'fewer children and invocations; thresholds then count batches');
  consider(
    'maxConcurrency',
    CONCURRENCIES.filter((concurrency) => concurrency <= environment.environments),
    ({ bottleneck }) => (bottleneck === 'concurrency' ? 'the account has room for more' : BOUND_BY[bottleneck]),
  );
  return found.sort((a, b) => b.saves.dollars - a.saves.dollars);
}

/** What a run that is not held back by its own concurrency is held back by. */
export const BOUND_BY: Readonly<Record<Bottleneck, string>> = {
  work: 'the slowest keys are what takes long',
  starts: 'no more than 1,000 children start in a second',
  concurrency: 'maxConcurrency is what holds it back',
  environments: 'the account has no more environments',
  reads: "S3's reads are what holds it back",
  writes: "S3's writes are what holds it back",
};

/** A price for both: ten per cent of the money are worth a halving of the time. */
function worth(run: OnAws, now: OnAws): number {
  return run.costs.total / now.costs.total + 0.15 * Math.log2(run.seconds / now.seconds);
}
