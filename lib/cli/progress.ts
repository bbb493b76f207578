// How far a run is: counts what the engine tells, and answers with the numbers that a person wants to see.
import { type Outcome, outputTotals } from '../../lambda/contract/outcome.ts';

/** One look at a run. Counts are items (keys); times are milliseconds. */
export interface Progress {
  /** Items listed so far; all of them once `complete`. */
  readonly total: number;
  /** Whether the listing has ended. */
  readonly complete: boolean;
  /** Done by earlier attempts of a run that is carried on. */
  readonly doneBefore: number;
  /** Items whose outputs are all written. */
  readonly succeeded: number;
  /** Items that are up to date or not asked for. */
  readonly skipped: number;
  /** Items that failed for good. */
  readonly failed: number;
  /** Bytes of sources that were read. */
  readonly bytesIn: number;
  /** Bytes of outputs that were written. */
  readonly bytesOut: number;
  /** Children at work: with one key each, keys. */
  readonly inFlight: number;
  /** Items a second, lately. */
  readonly rate: number;
  /** Until the end at this rate; absent while it cannot be told. */
  readonly eta?: number;
  /** The key that has run longest, when that is far longer than the rest take. */
  readonly straggler?: { readonly key: string; readonly running: number };
  /** Once nothing more is started: what is waited for, the longest first, and for how long at most. */
  readonly waiting?: { readonly keys: readonly string[]; readonly children: number; readonly atMost?: number };
}

export interface ProgressTracker {
  listed(total: number, complete: boolean): void;
  /** `key` is the first of the child's keys. */
  started(child: string, key: string): void;
  /** The child was not begun after all. */
  returned(child: string): void;
  /** From now on nothing more is started; what runs is waited for so many milliseconds at most. */
  draining(atMost?: number): void;
  ended(child: string, outcomes: readonly Outcome[]): void;
  /** What was counted so far was a canary's: the run meets its keys again. */
  anew(): void;
  /** Keys done by this attempt. */
  done(): number;
  read(): Progress;
}

export interface TrackOptions {
  readonly doneBefore?: number;
  readonly now?: () => number;
}

/** The rate is taken over this time, so that it follows the run and yet can be read. */
const RATE_WINDOW = 10_000;
const SAMPLE_EVERY = 250;

/** A child is a straggler when it has run this long and this many times as long as the others on average. */
const STRAGGLER = { milliseconds: 5_000, times: 8 };

/** Makes a tracker. Its memory follows what runs at once, not the number of items. */
export function trackProgress({ doneBefore = 0, now = () => performance.now() }: TrackOptions = {}): ProgressTracker {
  const counts = { total: 0, complete: false, succeeded: 0, skipped: 0, failed: 0, bytesIn: 0, bytesOut: 0 };
  // In insertion order, so that the first is the one that has run longest.
  const running = new Map<string, { readonly key: string; readonly since: number }>();
  const finished = { children: 0, milliseconds: 0 };
  const rates = rateOver(RATE_WINDOW, now);
  let drain: { readonly end: number | undefined } | undefined;

  const doneNow = () => counts.succeeded + counts.skipped + counts.failed;

  return {
    done: doneNow,
    listed(total, complete) {
      counts.total = total;
      counts.complete = complete;
    },
    started(child, key) {
      running.set(child, { key, since: now() });
    },
    returned(child) {
      running.delete(child);
    },
    draining(atMost) {
      drain = { end: atMost === undefined ? drain?.end : now() + atMost };
    },
    anew() {
      Object.assign(counts, {
        total: 0,
        complete: false,
        succeeded: 0,
        skipped: 0,
        failed: 0,
        bytesIn: 0,
        bytesOut: 0,
      });
    },
    ended(child, outcomes) {
      const since = running.get(child)?.since;
      running.delete(child);
      if (since !== undefined) {
        finished.children += 1;
        finished.milliseconds += now() - since;
      }
      for (const outcome of outcomes) count(counts, outcome);
    },
    read() {
      const rate = rates(doneNow());
      const left = Math.max(0, counts.total - doneBefore - doneNow());
      const straggler = stragglerOf(running, finished, now());
      return {
        ...counts,
        doneBefore,
        inFlight: running.size,
        rate,
        ...(drain === undefined ? {} : { waiting: waitingFor(running, drain.end, now()) }),
        ...(drain === undefined && counts.complete && rate > 0 ? { eta: (left / rate) * 1000 } : {}),
        ...(straggler === undefined ? {} : { straggler }),
      };
    },
  };
}

type Counts = { -readonly [K in 'succeeded' | 'skipped' | 'failed' | 'bytesIn' | 'bytesOut']: number };

function count(counts: Counts, outcome: Outcome): void {
  if (outcome.status === 'pending') return;
  counts[outcome.status] += 1;
  if (outcome.status === 'skipped') return;
  counts.bytesIn += outcome.source?.bytes ?? 0;
  if (outcome.status === 'failed') return;
  counts.bytesOut += outputTotals(outcome).bytes;
}

/** Answers a growing number's growth per second over the last `window` milliseconds. */
export function rateOver(window: number, now: () => number): (value: number) => number {
  const samples: { readonly at: number; readonly value: number }[] = [{ at: now(), value: 0 }];
  return (value) => {
    const at = now();
    const latest = samples.at(-1);
    if (latest === undefined || at - latest.at >= SAMPLE_EVERY) samples.push({ at, value });
    while (samples.length > 2 && at - (samples[1]?.at ?? at) >= window) samples.shift();
    const oldest = samples[0];
    const seconds = (at - (oldest?.at ?? at)) / 1000;
    return seconds <= 0 ? 0 : (value - (oldest?.value ?? 0)) / seconds;
  };
}

/** Keys named in a line of progress. */
const MOST_NAMED = 2;

function waitingFor(
  running: ReadonlyMap<string, { readonly key: string }>,
  end: number | undefined,
  at: number,
): NonNullable<Progress['waiting']> {
  const keys = [...running.values()].slice(0, MOST_NAMED).map(({ key }) => key);
  return { keys, children: running.size, ...(end === undefined ? {} : { atMost: Math.max(0, end - at) }) };
}

function stragglerOf(
  running: ReadonlyMap<string, { readonly key: string; readonly since: number }>,
  finished: { readonly children: number; readonly milliseconds: number },
  now: number,
): Progress['straggler'] {
  const oldest = running.values().next().value;
  if (oldest === undefined) return undefined;
  const average = finished.children === 0 ? 0 : finished.milliseconds / finished.children;
  const ran = now - oldest.since;
  return ran < Math.max(STRAGGLER.milliseconds, STRAGGLER.times * average)
    ? undefined
    : { key: oldest.key, running: ran };
}
