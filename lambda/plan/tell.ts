// From a census and a tried sample to the plan: counts, failures, bytes, time and price of the whole, each with its interval.
import { availableParallelism } from 'node:os';
import { formatLocation, isDirectory } from '../contract/location.ts';
import type { Architecture } from '../estimate/costs.ts';
import { countOf, type Estimate, exactly, plus, type Seen, scaled, totalOf } from '../estimate/intervals.ts';
import { DEFAULT_REGION, pricesOf, type RegionPrices } from '../estimate/prices.ts';
import { SERVICE } from '../estimate/simulate.ts';
import { ALL_ITEMS } from '../job/bounds.ts';
import type { PreparedJob } from '../job/prepared.ts';
import type { ReasonToMake } from '../process/up-to-date.ts';
import type { Census } from './census.ts';
import { adviceFor, type Demand, type Environment, type OnAws, onAws, type Settings } from './on-aws.ts';
import { PLAN_VERSION, type PlanReport, type TolerationAdvice } from './report.ts';
import { planScale } from './scale.ts';
import type { Drawn } from './strata.ts';
import { lieOf, type Trial } from './trial.ts';

const MEMORY = 1769;
/** Failures of one class, and lies, that are named. */
const MOST_EXAMPLES = 5;
/** Classes of times that a run is simulated with. */
const MOST_CLASSES = 16;
/** What images were seen to take in memory is multiplied by that: the next one may be larger. */
const MEMORY_ROOM = 1.4;
/** The share of its processors that a run here keeps busy (bench/throughput.ts). */
const BUSY = 0.95;

/** For what the plan is told. */
export interface TellOptions {
  /** Draws another sample for another number. Default: 1. */
  readonly seed?: number | undefined;
  /** How many keys there are in truth, of which the listing is a part. Default: those that were listed. */
  readonly keys?: number | undefined;
  /** Seconds within which a run of so many keys is to be done. Default: two weeks. */
  readonly within?: number | undefined;
  /** Of the stack. Default: us-east-1. */
  readonly region?: string | undefined;
  /** Default: arm64. */
  readonly architecture?: Architecture | undefined;
  /** MB of the image function. Default: 1769. */
  readonly memory?: number | undefined;
  /** Environments that it may have. Default: 1,000. */
  readonly environments?: number | undefined;
  /** `maxConcurrency` of a run on AWS whose job does not say. Default: the job's. */
  readonly maxConcurrency?: number | undefined;
  /** Whether the keys were tried where the run will be: by the image function itself. Default: false. */
  readonly triedOnAws?: boolean | undefined;
}

/** What was counted and tried. */
export interface Found {
  readonly job: PreparedJob;
  readonly census: Census;
  readonly drawn: readonly Drawn[];
  /** What became of those of `drawn` that were tried, stratum by stratum. */
  readonly seen: readonly Seen<Trial>[];
  /** Whether it is known of each key whether it is up to date. */
  readonly exact: boolean;
  /** Seconds that trying took. */
  readonly seconds: number;
}

const COLLISION = 'OutputCollision';

/** Tells a plan from what was counted and what was tried. */
export function reportOf(options: TellOptions, { job, census, drawn, seen, exact, seconds }: Found): PlanReport {
  const { strata, collisions, sure, upToDate: lookedUpToDate, ...listing } = census;
  const trials = seen.flatMap(({ sampled }) => sampled);
  const unseen = seen.reduce((sum, { size, sampled }) => sum + (sampled.length === 0 ? size : 0), 0);
  const count = (isOne: (trial: Trial) => boolean) => countOf(seen, isOne);
  const total = (quantity: (trial: Trial) => number) => totalOf(seen, quantity);
  const written = (quantity: (trial: Trial) => number) => scaled(total(quantity), kept);

  const upToDate = exact ? exactly(lookedUpToDate ?? 0) : count(({ status }) => status === 'upToDate');
  // A source that loses its output key to another is made all the same, and then fails.
  const successful = count(({ status }) => status === 'made');
  const kept = successful.value === 0 ? 0 : Math.max(0, 1 - collisions.keys / successful.value);
  const made = scaled(successful, kept);
  const whys = [...new Set(trials.flatMap((trial) => (trial.status === 'made' ? trial.why : [])))];
  const why = Object.fromEntries(
    whys.map((one) => [one, count((trial) => trial.status === 'made' && trial.why.includes(one))]),
  ) as Partial<Record<ReasonToMake, Estimate>>;
  const failures = failuresOf(census, trials, count);
  const impossible = sure.reduce((sum, { keys }) => sum + keys, 0);
  const whole = census.selected + impossible;
  // Counted together, not class by class: intervals of parts do not add up to that of the whole.
  const failed = plus(
    failures.find(({ error }) => error === COLLISION)?.keys ?? exactly(0),
    plus(
      exactly(impossible),
      count((trial) => trial.status === 'failed' && trial.error !== COLLISION),
    ),
  );

  const names = [
    ...new Set(trials.flatMap((trial) => (trial.status === 'made' ? trial.outputs.map(({ name }) => name) : []))),
  ];
  const outputsNamed = (trial: Trial, name: string) =>
    trial.status === 'made' ? trial.outputs.filter((output) => output.name === name) : [];
  const outputs = names.map((name) => ({
    name,
    objects: written((trial) => outputsNamed(trial, name).length),
    bytes: written((trial) => outputsNamed(trial, name).reduce((sum, { bytes }) => sum + bytes, 0)),
  }));
  const bytesOut = written((trial) =>
    trial.status === 'made' ? trial.outputs.reduce((sum, { bytes }) => sum + bytes, 0) : 0,
  );
  const bytesIn = total((trial) => (trial.status === 'upToDate' ? 0 : trial.bytes));
  const cpuSeconds = total(cpuOf);
  const liars = trials.flatMap((trial) => {
    const claims = trial.status === 'upToDate' ? undefined : lieOf(trial);
    return claims === undefined || trial.status === 'upToDate'
      ? []
      : [{ key: trial.key, claims, is: trial.format ?? '' }];
  });

  const prices = pricesOf(options.region ?? DEFAULT_REGION);
  const environment: Environment = {
    architecture: options.architecture ?? 'arm64',
    prices: prices.prices,
    environments: options.environments ?? SERVICE.environments,
  };
  const settings: Settings = {
    maxConcurrency: options.maxConcurrency ?? job.maxConcurrency,
    itemsPerInvocation: job.itemsPerInvocation,
    memory: options.memory ?? MEMORY,
  };
  const classes = classesOf(seen);
  const mean = classes.reduce((sum, one) => sum + one.seconds * one.share, 0);
  const demandWith = (tried: number, cpu: number): Demand => ({
    made: tried,
    classes: classes.map(({ seconds: each, share }) => ({
      seconds: mean === 0 || tried === 0 ? each : (each * cpu) / tried / mean,
      share,
    })),
    bytesIn: perKey(bytesIn, tried),
    bytesOut: perKey(bytesOut, tried),
    outputs: perKey(
      outputs.reduce((sum, { objects }) => plus(sum, objects), exactly(0)),
      tried,
    ),
    upToDate: upToDate.value,
    others: Object.values(census.skipped).reduce((sum, keys) => sum + keys, 0) + whole - census.selected,
    lists: job.reader.kind === 'LIST' ? Math.ceil(census.keys / 1000) : 0,
  });
  const tried = count(({ status }) => status !== 'upToDate');
  const demand = demandWith(tried.value, cpuSeconds.value);
  const run = onAws(demand, settings, environment);
  const bounds = [demandWith(tried.low, cpuSeconds.low), demandWith(tried.high, cpuSeconds.high)].map((one) =>
    onAws(one, settings, environment),
  ) as [OnAws, OnAws];
  const slowest = Math.max(0, ...trials.map(cpuOf));
  const peak = process.resourceUsage().maxRSS / 1024;
  const advice = [
    ...adviceFor(demand, settings, environment, { leastMemory: peak * MEMORY_ROOM, slowest }),
    ...tolerationAdvice(job, failed, whole),
  ];
  const better = advice.flatMap((one) => (one.saves === undefined ? [] : [[one.setting, one.better] as const]));
  const advised: Settings = { ...settings, ...Object.fromEntries(better) };
  return {
    version: PLAN_VERSION,
    source: formatLocation(job.source),
    destination: formatLocation(job.destination),
    seed: options.seed ?? 1,
    listing,
    collisions,
    sample: {
      drawn: drawn.reduce((sum, stratum) => sum + stratum.sample.length, 0),
      tried: trials.length,
      strata: drawn.length,
      seconds,
      peakMegabytes: Math.round(peak),
    },
    keys: { lookedAt: exact ? 'all' : 'sample', upToDate, made, why, failed },
    lies: {
      keys: count((trial) => trial.status !== 'upToDate' && lieOf(trial) !== undefined),
      examples: liars.slice(0, MOST_EXAMPLES),
    },
    failures,
    tolerance: {
      count: job.toleratedFailureCount,
      percentage: job.toleratedFailurePercentage,
      stops: stopsOf(job, failed, census.keys),
    },
    outputs,
    bytesIn,
    bytesOut,
    storage: { dollarsPerMonth: scaled(bytesOut, prices.prices.storageGigabyteMonth / 1024 ** 3) },
    cpuSeconds,
    aws: {
      region: options.region ?? DEFAULT_REGION,
      pricesOf: prices.region,
      settings,
      architecture: environment.architecture,
      environments: environment.environments,
      seconds: between(run.seconds, bounds[0].seconds, bounds[1].seconds),
      dollars: between(run.costs.total, bounds[0].costs.total, bounds[1].costs.total),
      run,
      costs: run.costs,
    },
    here: hereOf(job, cpuSeconds, demand, prices),
    advice,
    notEstimated: notEstimatedOf(options, census, trials, unseen, prices, exact),
    ...(options.keys === undefined
      ? {}
      : {
          scale: planScale({
            ...{ keys: options.keys, demand, counted: census.keys, settings: advised, environment },
            ...{ folders: census.folders, region: options.region ?? DEFAULT_REGION, within: options.within },
            inventory: job.reader.kind === 'S3_INVENTORY',
          }),
        }),
  };
}

function cpuOf(trial: Trial): number {
  return trial.status === 'upToDate' ? 0 : trial.cpuMilliseconds / 1000;
}

function perKey({ value }: Estimate, keys: number): number {
  return keys === 0 ? 0 : value / keys;
}

function between(value: number, one: number, other: number): Estimate {
  return { value, low: Math.min(value, one, other), high: Math.max(value, one, other) };
}

/** The failures of each class: what is sure from the listing, and what the sample tells of the rest; the most frequent first. */
function failuresOf(
  { sure, collisions }: Census,
  trials: readonly Trial[],
  count: (isOne: (trial: Trial) => boolean) => Estimate,
): PlanReport['failures'] {
  const failed = trials.filter((trial) => trial.status === 'failed');
  const meets: Census['sure'] =
    collisions.keys === 0
      ? []
      : [
          {
            error: COLLISION,
            keys: collisions.keys,
            examples: collisions.examples.slice(0, MOST_EXAMPLES).map(({ output, sources }) => ({
              key: sources[1] ?? '',
              message: `${output} is the output of ${sources[0]} as well`,
            })),
          },
        ];
  const known = [...sure, ...meets];
  const classes = [...new Set([...known.map(({ error }) => error), ...failed.map(({ error }) => error)])];
  return classes
    .map((error) => {
      const surely = known.filter((one) => one.error === error);
      const keys = surely.reduce((sum, one) => sum + one.keys, 0);
      const told = failed.filter((trial) => trial.error === error);
      const examples = [
        ...surely.flatMap((one) => one.examples),
        ...told.map(({ key, message }) => ({ key, message })),
      ];
      return {
        error,
        keys: both(
          error,
          keys,
          count((trial) => trial.status === 'failed' && trial.error === error),
        ),
        sure: keys,
        examples: examples.slice(0, MOST_EXAMPLES),
      };
    })
    .sort((a, b) => b.keys.value - a.keys.value || (a.error < b.error ? -1 : 1));
}

/** What is sure and what the sample tells. Collisions that an earlier run has left are among those that the listing tells. */
function both(error: string, sure: number, { value, low, high }: Estimate): Estimate {
  if (error !== COLLISION) return plus(exactly(sure), { value, low, high });
  return { value: Math.max(sure, value), low: Math.max(sure, low), high: Math.max(sure, high) };
}

function stopsOf(job: PreparedJob, failed: Estimate, keys: number): PlanReport['tolerance']['stops'] {
  const most = Math.min(job.toleratedFailureCount, (keys * job.toleratedFailurePercentage) / 100);
  if (failed.low > most) return 'surely';
  return failed.high > most ? 'perhaps' : 'no';
}

/** What would have to be tolerated for the run to reach its end: the upper end of the estimate, and a fifth. */
function tolerationAdvice(job: PreparedJob, failed: Estimate, keys: number): TolerationAdvice[] {
  if (keys === 0 || stopsOf(job, failed, keys) === 'no') return [];
  const share = (failed.high * 1.2 * 100) / keys;
  const better = Math.min(100, share < 1 ? Math.ceil(share * 10) / 10 : Math.ceil(share));
  const now =
    job.toleratedFailureCount < ALL_ITEMS ? (job.toleratedFailureCount * 100) / keys : job.toleratedFailurePercentage;
  const why = 'more keys are expected to fail than the job tolerates; else exclude them';
  return better <= now ? [] : [{ setting: 'toleratedFailurePercentage', now, better, why }];
}

/** The times of the sample as classes of a share each: neighbours by size are one class, of their mean. */
function classesOf(seen: readonly Seen<Trial>[]): Demand['classes'] {
  const all = seen
    .flatMap(({ size, sampled }) =>
      sampled
        .filter(({ status }) => status !== 'upToDate')
        .map((trial) => ({ seconds: cpuOf(trial), weight: size / sampled.length })),
    )
    .sort((a, b) => a.seconds - b.seconds);
  const whole = all.reduce((sum, { weight }) => sum + weight, 0);
  if (whole === 0) return [{ seconds: 0, share: 1 }];
  const classes: { sum: number; weight: number }[] = [];
  let passed = 0;
  for (const { seconds, weight } of all) {
    const place = Math.min(MOST_CLASSES - 1, Math.floor(((passed + weight / 2) / whole) * MOST_CLASSES));
    const one = classes[place] ?? { sum: 0, weight: 0 };
    classes[place] = one;
    one.sum += seconds * weight;
    one.weight += weight;
    passed += weight;
  }
  return classes.flatMap(({ sum, weight }) => (weight === 0 ? [] : [{ seconds: sum / weight, share: weight / whole }]));
}

/** The same run on this machine. */
function hereOf(job: PreparedJob, cpuSeconds: Estimate, demand: Demand, { prices }: RegionPrices): PlanReport['here'] {
  const processors = availableParallelism();
  const gets =
    (isDirectory(job.source) ? 0 : demand.made) +
    (isDirectory(job.destination) ? 0 : demand.made * (1 + demand.outputs) + demand.upToDate);
  const puts = isDirectory(job.destination) ? 0 : demand.made * demand.outputs;
  const lists = isDirectory(job.source) ? 0 : demand.lists;
  return {
    processors,
    seconds: scaled(cpuSeconds, 1 / processors / BUSY),
    dollars: exactly(gets * prices.s3Get + puts * prices.s3Put + lists * prices.s3List),
  };
}

/** What this plan does not know, each with a count where there is one. */
function notEstimatedOf(
  { region, keys, triedOnAws = false }: TellOptions,
  census: Census,
  trials: readonly Trial[],
  unseen: number,
  { standInFor }: RegionPrices,
  exact: boolean,
): PlanReport['notEstimated'] {
  const transient = trials.filter((trial) => trial.status === 'failed' && trial.transient).length;
  const one = (what: string, count?: number) => [{ what, ...(count === undefined ? {} : { keys: count }) }];
  return [
    ...(unseen > 0 ? one('keys of strata of which none was tried: nothing is told of them', unseen) : []),
    ...(census.complete || keys !== undefined
      ? []
      : one('keys after the last one that was listed: how many is not known')),
    ...(census.unknownSizes > 0 ? one('sizes that the list does not tell', census.unknownSizes) : []),
    ...(census.collisions.unknownOutputs > 0
      ? one(
          `collisions at ${census.collisions.unknownOutputs} outputs of each key, whose keys only the image tells`,
          census.selected,
        )
      : []),
    ...(census.archived > 0 ? one('the price and the time of restoring keys from archives', census.archived) : []),
    ...(transient > 0
      ? one('keys of the sample that failed for a reason that passes: they count as failed', transient)
      : []),
    ...(exact ? [] : one('what is up to date, but for the sample: over S3 a look at each key is a request')),
    ...(standInFor === undefined ? [] : one(`prices in ${standInFor}: those of ${DEFAULT_REGION} stand in`)),
    ...(triedOnAws
      ? []
      : one(
          `the speed of Lambda's processors in ${region ?? DEFAULT_REGION}: it is taken for that of the processor here`,
        )),
    ...one('transfer between Regions and out of AWS, keys of KMS, storage classes other than Standard'),
  ];
}
