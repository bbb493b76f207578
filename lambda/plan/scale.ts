// A run of 10^8 to 10^10 keys: into how many runs it has to be split, what each takes, which quotas to raise.
import { MOST_CONCURRENCY } from '../job/bounds.ts';
import type { Census } from './census.ts';
import { type Demand, type Environment, type OnAws, onAws, type Settings } from './on-aws.ts';

/** Items of one Map Run at most: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
export const MOST_ITEMS = 100_000_000;
/** Seconds that an execution may take by the workflow's own timeout: two weeks. */
const MOST_SECONDS = 14 * 24 * 3600;
/** Seconds for which a whole should be done at most, unless said otherwise: the time to redrive. */
const WITHIN = 14 * 24 * 3600;

export interface ScalePlan {
  readonly keys: number;
  /** Runs that it takes, one after the other or side by side. */
  readonly runs: number;
  readonly keysPerRun: number;
  /** How to get them, the one that fits best first. */
  readonly ways: readonly {
    readonly by: 'prefix' | 'inventory' | 'account';
    readonly how: string;
    readonly fits: boolean;
  }[];
  /** What it takes with so many runs at once, in one account or several. */
  readonly options: readonly {
    readonly accounts: number;
    /** Environments of each account. */
    readonly environments: number;
    /** Runs of each account at once. */
    readonly atOnce: number;
    readonly maxConcurrency: number;
    readonly itemsPerInvocation: number;
    readonly seconds: number;
    readonly dollars: number;
    readonly bottleneck: OnAws['bottleneck'];
  }[];
  readonly quotas: readonly {
    readonly service: string;
    readonly quota: string;
    readonly code?: string;
    readonly now: number | string;
    readonly needed: number | string;
  }[];
  /** The text of the request. */
  readonly request: string;
}

export interface ScaleOptions {
  readonly keys: number;
  /** Of the keys that were counted. */
  readonly demand: Demand;
  readonly counted: number;
  readonly settings: Settings;
  readonly environment: Environment;
  readonly folders: Census['folders'];
  readonly region: string;
  readonly inventory: boolean;
  /** Seconds within which all is to be done. Default: two weeks. */
  readonly within?: number | undefined;
}

/** Tells how. The demand of a key is the sample's. */
export function planScale(options: ScaleOptions): ScalePlan {
  const { keys, counted, settings, environment, region, within = WITHIN } = options;
  const demand = grown(options.demand, counted === 0 ? 0 : keys / counted);
  // Items of a run: the Map's bound, and what the slowest of its rates does in the time of an execution.
  const widest = Math.min(MOST_CONCURRENCY, environment.environments);
  const whole = onAws(demand, { ...settings, maxConcurrency: widest }, environment);
  const byTime = Math.ceil(whole.stages.images / (MOST_SECONDS * 0.8));
  const runs = Math.max(1, Math.ceil(keys / MOST_ITEMS), byTime);
  const keysPerRun = Math.ceil(keys / runs);

  const option = (accounts: number, environments: number): ScalePlan['options'][number] => {
    // Children of one Map start at 1,000 a second: batches and runs side by side are what goes beyond.
    const itemsPerInvocation = settings.itemsPerInvocation;
    const atOnce = Math.max(1, Math.min(Math.ceil(runs / accounts), Math.ceil(environments / MOST_CONCURRENCY), 1000));
    const maxConcurrency = Math.max(1, Math.min(MOST_CONCURRENCY, Math.floor(environments / atOnce)));
    const rounds = Math.ceil(runs / (accounts * atOnce));
    const one = onAws(
      grown(options.demand, counted === 0 ? 0 : keysPerRun / counted),
      { ...settings, maxConcurrency },
      { ...environment, environments: maxConcurrency },
    );
    return {
      ...{ accounts, environments, atOnce, maxConcurrency, itemsPerInvocation },
      ...{ seconds: one.seconds * rounds, dollars: one.costs.total * runs, bottleneck: one.bottleneck },
    };
  };

  const busy = whole.usage.gigabyteSeconds / (settings.memory / 1024);
  const needed = Math.max(environment.environments, Math.ceil((busy / within) * 1.3));
  const accounts = [1, 2, 4, 10].filter((count) => count <= Math.max(1, runs));
  const all = accounts.flatMap((count) => [
    option(count, environment.environments),
    ...(needed / count > environment.environments ? [option(count, Math.ceil(needed / count / 100) * 100)] : []),
  ]);
  const writes = (demand.made * demand.outputs) / within;
  const reads = (demand.made * (2 + demand.outputs)) / within;
  const prefixes = Math.max(1, Math.ceil(Math.max(writes / 3500, reads / 5500)));
  const quotas: ScalePlan['quotas'] = [
    ...(needed > environment.environments
      ? [
          {
            service: 'AWS Lambda',
            quota: 'Concurrent executions',
            code: 'L-B99A9384',
            now: environment.environments,
            needed: Math.ceil(needed / 100) * 100,
          },
        ]
      : []),
    ...(prefixes > 1
      ? [
          {
            service: 'Amazon S3',
            quota: 'Requests a second and prefix (by support: no quota to raise)',
            now: '3,500 writes, 5,500 reads',
            needed: `${count(writes)} writes, ${count(reads)} reads a second over ${prefixes} prefixes`,
          },
        ]
      : []),
  ];
  return {
    keys,
    runs,
    keysPerRun,
    ways: waysOf(options, runs, keysPerRun),
    options: all,
    quotas,
    request: requestOf(region, quotas, keys, within),
  };
}

function grown(demand: Demand, factor: number): Demand {
  return {
    ...demand,
    made: demand.made * factor,
    upToDate: demand.upToDate * factor,
    others: demand.others * factor,
    lists: demand.lists * factor,
  };
}

function waysOf(
  { folders, counted, keys, inventory }: ScaleOptions,
  runs: number,
  keysPerRun: number,
): ScalePlan['ways'] {
  const largest = counted === 0 ? 0 : Math.round((folders.largest / counted) * keys);
  const byPrefix = folders.count >= runs && largest <= MOST_ITEMS;
  const ways: ScalePlan['ways'][number][] = [
    {
      by: 'prefix',
      fits: byPrefix,
      how: byPrefix
        ? `one run per group of folders at the top, of which ${count(folders.count)} were seen: the largest would hold some ${count(largest)} keys`
        : `folders at the top do not do: ${count(folders.count)} were seen, the largest would hold some ${count(largest)} keys, a run takes ${count(MOST_ITEMS)}; split one level deeper`,
    },
    {
      by: 'inventory',
      fits: true,
      how: `an S3 Inventory of the bucket, its manifest.json cut into ${count(runs)}: each with its share of the "files", some ${count(keysPerRun)} keys; as "manifest" of a run each${inventory ? '' : ' (an inventory also spares the listing)'}`,
    },
    {
      by: 'account',
      fits: runs > 1,
      how: 'runs in several accounts, each with a stack of its own and rights on the buckets: quotas add up',
    },
  ];
  return ways.sort((a, b) => Number(b.fits) - Number(a.fits));
}

function requestOf(region: string, quotas: ScalePlan['quotas'], keys: number, within: number): string {
  if (quotas.length === 0) return '';
  const days = Math.max(1, Math.round(within / 86_400));
  return [
    `We process ${count(keys)} images in Amazon S3 with AWS Step Functions Distributed Map and AWS Lambda in ${region}, within ${days} ${days === 1 ? 'day' : 'days'}. It is a batch: the load ends when it is done.`,
    ...quotas.map(
      ({ service, quota, code, now, needed }) =>
        `Please raise ${service}, ${quota}${code === undefined ? '' : ` (${code})`}, from ${typeof now === 'number' ? count(now) : now} to ${typeof needed === 'number' ? count(needed) : needed}.`,
    ),
    'Each invocation reads one object, makes its renditions and writes them; throttled calls are retried with full jitter.',
  ].join('\n');
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
