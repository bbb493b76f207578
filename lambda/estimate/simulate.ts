// What the service does to a run, step by step in virtual time: starts, environments, cold starts, S3's rates, retries.

/** A run's children, all alike but for how long they take. */
export interface Load {
  readonly children: number;
  /** How long one invocation takes on a warm environment, in seconds: classes with their shares, which add up to 1. */
  readonly seconds: readonly { readonly seconds: number; readonly share: number }[];
  /** S3 requests of one child: GET and HEAD. */
  readonly reads: number;
  /** S3 requests of one child: PUT. */
  readonly writes: number;
  /** Invocations that have to be made again, as a share of all. Default: 0. */
  readonly retried?: number;
}

/** What the service allows. */
export interface Service {
  /** Most children in flight: the job's `maxConcurrency`. */
  readonly maxConcurrency: number;
  /** New children a second of one Map Run. Default: 1,000, of EXPRESS children. */
  readonly startsPerSecond?: number;
  /** Environments that the function may have: what is reserved for it, or the account's. Default: 1,000. */
  readonly environments?: number;
  /** New environments in ten seconds, of one function. Default: 1,000. */
  readonly growth?: number;
  /** Seconds until a new environment does its first work. Default: 1. */
  readonly coldSeconds?: number;
  /** S3 requests a second and partition. Default: 5,500. */
  readonly readsPerSecond?: number;
  /** Default: 3,500. */
  readonly writesPerSecond?: number;
  /** Partitions of S3 at the start. Default: 1. */
  readonly partitions?: number;
  /** To how many S3 splits them at most. Default: 64. */
  readonly mostPartitions?: number;
  /** Seconds of asking for more than is given, after which S3 has twice as many partitions. Default: 1,800. */
  readonly splitSeconds?: number;
  /** Seconds between two tries of a child that waits for an environment, on average. Default: 3. */
  readonly pollSeconds?: number;
  /** Seconds from the end of a child to the start of the next in its place. Default: 0.1. */
  readonly dispatchSeconds?: number;
}

/** What holds a run back. */
export type Bottleneck = 'work' | 'starts' | 'concurrency' | 'environments' | 'reads' | 'writes';

export interface Simulated {
  /** From the first start to the last end. */
  readonly seconds: number;
  /** Environments that were started. */
  readonly coldStarts: number;
  /** Most children in flight. */
  readonly peak: number;
  /** Seconds that the function worked, cold starts and waits for S3 included, summed over all invocations. */
  readonly busySeconds: number;
  /** Seconds that children waited for an environment, summed. */
  readonly waitedSeconds: number;
  /** Seconds that invocations waited for S3, summed: they are in `busySeconds`. */
  readonly s3Seconds: number;
  /** Children a second, in the longest stretch at one rate. */
  readonly rate: number;
  /** What held the run back for most of its time. */
  readonly bottleneck: Bottleneck;
}

/**
 * Quotas and rates: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (1,000 children a second),
 * https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html (1,000 environments each 10 seconds),
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html (5,500 reads, 3,500 writes and prefix,
 * and that S3 splits by and by: after how long is told nowhere, so half an hour is assumed).
 */
export const SERVICE = {
  startsPerSecond: 1000,
  environments: 1000,
  growth: 1000,
  coldSeconds: 1,
  readsPerSecond: 5500,
  writesPerSecond: 3500,
  partitions: 1,
  mostPartitions: 64,
  splitSeconds: 1800,
  // Backoff and then twice a second, as `bench/throttling.ts` has it child by child.
  pollSeconds: 3,
  dispatchSeconds: 0.1,
} as const satisfies Required<Omit<Service, 'maxConcurrency'>>;

/** Steps in the time that a child takes on average: what is rounded to a step is small beside it. */
const STEPS_PER_CHILD = 25;
const SHORTEST_STEP = 0.001;
/** Steps of a window; two windows alike are a steady state. */
const WINDOW = 400;
/** The relative difference that is none. */
const ALIKE = 1e-3;
/** No run takes more steps, whatever it is given: a stretch is then taken at its present rate. */
const MOST_STEPS = 400_000;

/**
 * Simulates a run. Children are a quantity, not things, so a run of 10^10 takes as many steps as its phases need: what is
 * steady is taken in one leap. A child starts when fewer than `maxConcurrency` are in flight, `startsPerSecond` at most; it
 * takes a free environment or a new one, else it waits and asks again; then it waits for S3 to have room for its requests,
 * keeping its environment; then it takes its time. Judged by a simulation of single children and by runs of the embedded
 * engine (test/lambda/estimate).
 */
export function simulate(load: Load, service: Service): Simulated {
  const given = { ...SERVICE, ...service };
  const { maxConcurrency, pollSeconds } = given;
  const { children, reads, writes, retried = 0 } = load;
  const mean = load.seconds.reduce((sum, { seconds, share }) => sum + seconds * share, 0);
  if (children <= 0) return NOTHING;
  const step = Math.max(SHORTEST_STEP, mean / STEPS_PER_CHILD);
  const cold = given.coldSeconds;
  const longest = Math.max(...load.seconds.map(({ seconds }) => seconds)) + cold;
  const ring = new Float64Array(Math.ceil(longest / step) + 3);
  const gap = Math.round(given.dispatchSeconds / step);
  const leaving = new Float64Array(gap);

  let now = 0;
  let at = 0;
  let slot = 0;
  let pending = children;
  let waiting = 0;
  let queued = 0;
  let queuedCold = 0;
  let busy = 0;
  let left = 0;
  let alive = 0;
  let done = 0;
  let grown: number = given.growth;
  let partitions: number = given.partitions;
  let saturated = 0;
  const totals = { busySeconds: 0, waitedSeconds: 0, s3Seconds: 0, peak: 0 };
  const held: Record<Bottleneck, number> = { work: 0, starts: 0, concurrency: 0, environments: 0, reads: 0, writes: 0 };
  let rate = 0;
  let longestStretch = 0;
  let window = { done: 0, alive: 0, waiting: 0, queued: 0 };
  let windowRate = 0;
  /** Averages of the window: what ends comes in bursts. */
  let average = { busy: 0, waiting: 0, queued: 0 };

  function finish(amount: number, seconds: number): void {
    const steps = Math.max(1, seconds / step);
    const whole = Math.floor(steps);
    const later = amount * (steps - whole);
    ring[(at + whole) % ring.length] = (ring[(at + whole) % ring.length] ?? 0) + amount - later;
    ring[(at + whole + 1) % ring.length] = (ring[(at + whole + 1) % ring.length] ?? 0) + later;
  }

  /** One step; answers what held it back. */
  function advance(): Bottleneck {
    const ended = ring[at] ?? 0;
    ring[at] = 0;
    busy -= ended;
    done += ended * (1 - retried);
    if (gap > 0) {
      left += ended * (1 - retried) - (leaving[slot] ?? 0);
      leaving[slot] = ended * (1 - retried);
      slot = (slot + 1) % gap;
    }
    const room = Math.max(0, maxConcurrency - waiting - busy - left - ended * retried);
    const allowed = given.startsPerSecond * step;
    const started = Math.min(pending, allowed, room);
    pending -= started;
    const old = waiting + ended * retried;
    const warm = Math.max(0, alive - busy);
    const fresh = Math.max(0, Math.min(grown, given.environments - alive));
    const taken = Math.min(started, warm + fresh);
    const asked = old * Math.min(1, step / pollSeconds);
    const all = taken + Math.min(asked, warm + fresh - taken);
    const newOnes = Math.max(0, all - warm);
    waiting = old + started - all;
    busy += all;
    alive += newOnes;
    grown = Math.min(given.growth, grown - newOnes + (given.growth / 10) * step);
    queued += all;
    queuedCold += newOnes;
    const byReads = reads === 0 ? Number.POSITIVE_INFINITY : (given.readsPerSecond * partitions * step) / reads;
    const byWrites = writes === 0 ? Number.POSITIVE_INFINITY : (given.writesPerSecond * partitions * step) / writes;
    const admitted = Math.min(queued, byReads, byWrites);
    const coldShare = queued === 0 ? 0 : Math.min(1, queuedCold / queued);
    for (const { seconds, share } of load.seconds) {
      if (coldShare > 0) finish(admitted * share * coldShare, seconds + cold);
      if (coldShare < 1) finish(admitted * share * (1 - coldShare), seconds);
    }
    queuedCold -= admitted * coldShare;
    queued -= admitted;
    const s3Full = queued > ALIKE && admitted > 0;
    saturated = s3Full ? saturated + step : 0;
    if (saturated >= given.splitSeconds && partitions < given.mostPartitions) {
      partitions = Math.min(given.mostPartitions, partitions * 2);
      saturated = 0;
    }
    totals.busySeconds += busy * step;
    totals.waitedSeconds += waiting * step;
    totals.s3Seconds += queued * step;
    average.busy += busy / WINDOW;
    average.waiting += waiting / WINDOW;
    average.queued += queued / WINDOW;
    totals.peak = Math.max(totals.peak, waiting + busy);
    now += step;
    at = (at + 1) % ring.length;
    if (s3Full) return byReads < byWrites ? 'reads' : 'writes';
    if (waiting > Math.max(1e-6, ALIKE * busy) && alive >= given.environments - 1e-6) return 'environments';
    if (pending <= 0) return 'work';
    return room <= allowed ? 'concurrency' : 'starts';
  }

  /** Takes a steady stretch at once: up to the next change that is known of, and not into the end of the run. */
  function leap(perSecond: number, why: Bottleneck): void {
    const toEnd = pending / perSecond - 2 * longest - WINDOW * step;
    const splits = (why === 'reads' || why === 'writes') && partitions < given.mostPartitions;
    const toSplit = splits ? given.splitSeconds - saturated - step : Number.POSITIVE_INFINITY;
    const seconds = Math.min(toEnd, toSplit);
    if (seconds <= 0) return;
    now += seconds;
    pending -= perSecond * seconds;
    done += perSecond * seconds;
    totals.busySeconds += average.busy * seconds;
    totals.waitedSeconds += average.waiting * seconds;
    totals.s3Seconds += average.queued * seconds;
    if (splits) saturated += seconds;
    held[why] += seconds;
    if (seconds > longestStretch) [longestStretch, rate] = [seconds, perSecond];
  }

  const grain = Math.min(0.5, children / 2);
  for (let steps = 1; children - done > grain; steps++) {
    const why = advance();
    held[why] += step;
    if (steps % WINDOW !== 0) continue;
    // Little's law: exact in a steady state, however the ends come.
    const perSecond = ((average.busy - average.queued) / mean) * (1 - retried);
    const counted = done - window.done;
    const expected = perSecond * WINDOW * step;
    const steady =
      Math.abs(counted - expected) <= Math.max(1.5, expected / 20) &&
      alike(perSecond, windowRate) &&
      alike(alive, window.alive) &&
      alike(waiting, window.waiting) &&
      alike(queued, window.queued);
    if (longestStretch === 0) rate = Math.max(rate, perSecond);
    if ((steady || steps > MOST_STEPS) && pending > 0 && perSecond > 0) leap(perSecond, why);
    windowRate = perSecond;
    window = { done, alive, waiting, queued };
    average = { busy: 0, waiting: 0, queued: 0 };
  }
  if (rate === 0) rate = children / now;
  const [bottleneck] = (Object.entries(held) as [Bottleneck, number][]).sort(([, a], [, b]) => b - a)[0] as [
    Bottleneck,
    number,
  ];
  return { seconds: now, coldStarts: Math.round(alive), ...totals, peak: Math.round(totals.peak), rate, bottleneck };
}

const NOTHING: Simulated = {
  ...{ seconds: 0, coldStarts: 0, peak: 0, busySeconds: 0, waitedSeconds: 0, s3Seconds: 0, rate: 0 },
  bottleneck: 'work',
};

function alike(a: number, b: number): boolean {
  return Math.abs(a - b) <= ALIKE * Math.max(1, Math.abs(a), Math.abs(b));
}
