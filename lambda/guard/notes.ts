// What an environment of the image function notes for the guard of a run: its failures, and what its keys asked of S3.
import type { Outcome } from '../contract/outcome.ts';
import { outputTotals } from '../contract/outcome.ts';

/** The notes of one environment on one run: all since it began, in one object that is written anew. */
export interface Note {
  /** Its latest failures: epoch milliseconds and class, the oldest first. */
  readonly failures: readonly (readonly [at: number, error: string])[];
  /** Its keys, and their requests by outcome. */
  readonly keys: number;
  readonly gets: number;
  readonly puts: number;
}

/** What is guarded, as far as it needs notes. */
export interface Noted {
  readonly run: string;
  /** The breaker's number of keys and share; absent when there is none. */
  readonly breaker?: { readonly keys: number; readonly percentage: number };
  /** Whether the run has a cap. */
  readonly capped: boolean;
  readonly maxConcurrency: number;
}

export interface NotesOptions {
  /** Puts the note where the guard looks for it. */
  readonly write: (run: string, note: Note) => Promise<void>;
  readonly now?: () => number;
}

export interface Notes {
  /** A key has ended. */
  add(noted: Noted, outcome: Outcome): void;
  /** Writes what is due. Throws what `write` throws. */
  flush(): Promise<void>;
}

/** Failures are told at once, and then once a second. */
const FAILURES_EVERY = 1000;

/** An environment's own last keys, by which it tells whether its failures are worth an object. */
const OWN_LAST = 4;

/**
 * Milliseconds between two notes on requests, for each environment that a run may have: 400 objects an hour together, a fifth of
 * a cent. The first one comes with the first key: the guard needs the average of a key, and the number of keys it knows.
 */
const REQUESTS_EVERY = 9000;

interface Kept {
  readonly noted: Noted;
  failures: [at: number, error: string][];
  /** Class of each of the last keys, undefined for one that did not fail. */
  last: (string | undefined)[];
  keys: number;
  gets: number;
  puts: number;
  failuresDue: boolean;
  written: number | undefined;
}

/** Runs that an environment remembers: it meets few. */
const MOST_RUNS = 4;

/** Makes the notes of one environment. Nothing is written of a run without breaker and cap, nor of one that goes well. */
export function createNotes({ write, now = Date.now }: NotesOptions): Notes {
  const runs = new Map<string, Kept>();

  function keptOf(noted: Noted): Kept {
    const known = runs.get(noted.run);
    if (known !== undefined) return known;
    const kept: Kept = {
      ...{ noted, failures: [], last: [], keys: 0, gets: 0, puts: 0, failuresDue: false, written: undefined },
    };
    runs.set(noted.run, kept);
    const oldest = runs.keys().next().value;
    if (runs.size > MOST_RUNS && oldest !== undefined) runs.delete(oldest);
    return kept;
  }

  /** A run in which few fail is not told of each: an environment whose own last keys fail more often than half the share is. */
  function noteFailure(kept: Kept, outcome: Outcome): void {
    const { breaker } = kept.noted;
    if (breaker === undefined) return;
    const error = outcome.status === 'failed' ? outcome.error : undefined;
    kept.last = [...kept.last, error].slice(-OWN_LAST);
    if (error === undefined) return;
    kept.failures = [...kept.failures, [now(), error] as [number, string]].slice(-breaker.keys);
    const alike = kept.last.filter((one) => one === error).length;
    if (alike * 200 > breaker.percentage * kept.last.length) kept.failuresDue = true;
  }

  function isDue({ noted, failuresDue, written }: Kept): boolean {
    const since = written === undefined ? Number.POSITIVE_INFINITY : now() - written;
    return (failuresDue && since >= FAILURES_EVERY) || (noted.capped && since >= REQUESTS_EVERY * noted.maxConcurrency);
  }

  return {
    add(noted, outcome) {
      if ((noted.breaker === undefined && !noted.capped) || outcome.status === 'pending') return;
      const kept = keptOf(noted);
      kept.keys += 1;
      const { gets, puts } = requestsOf(outcome);
      kept.gets += gets;
      kept.puts += puts;
      noteFailure(kept, outcome);
    },
    async flush() {
      for (const [run, kept] of runs) {
        if (!isDue(kept)) continue;
        const { failures, keys, gets, puts } = kept;
        await write(run, { failures, keys, gets, puts });
        kept.failuresDue = false;
        kept.written = now();
      }
    },
  };
}

/** The requests that a key has made of S3, as `lambda/estimate` counts them. */
export function requestsOf(outcome: Outcome): { readonly gets: number; readonly puts: number } {
  if (outcome.status === 'pending') return { gets: 0, puts: 0 };
  if (outcome.status === 'skipped') return { gets: outcome.reason === 'upToDate' ? 1 : 0, puts: 0 };
  if (outcome.status === 'failed') return { gets: 2, puts: 0 };
  const { written, upToDate } = outputTotals(outcome);
  return { gets: 2 + written + upToDate, puts: written };
}
