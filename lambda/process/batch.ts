// The keys of one batch: in flight together, so that the CPU never waits for one; left where they have not begun once it ends early.
import pLimit from 'p-limit';
import type { Outcome } from '../contract/outcome.ts';
import { keyOf } from '../job/item.ts';
import type { PreparedJob, SelectedItem } from '../job/prepared.ts';

/**
 * Keys of one batch in flight at once, at most. What bounds them is reading ahead (`read-ahead.ts`): this only keeps the
 * requests of a huge batch below what the S3 client sends at once.
 */
const MOST_IN_FLIGHT = 128;

/** Milliseconds kept for what has begun when a batch is cut: never less, however quick its keys were. */
const LEAST_RESERVE = 5000;

/** Of the slowest key so far; the next one may be slower. */
const RESERVED_KEYS = 2;

export interface BatchWork {
  readonly job: PreparedJob;
  readonly items: readonly SelectedItem[];
  /** Does one key, and leaves it pending when `leave` aborts before its image work has begun. */
  readonly processOne: (selected: SelectedItem, leave: AbortSignal | undefined) => Promise<Outcome>;
  /** Told what became of each key that was not left. */
  readonly onOutcome: (outcome: Outcome) => void;
  /** Asks to leave what has not begun. */
  readonly stopping?: AbortSignal | undefined;
  /** When the answer must be there, in epoch milliseconds. Default: whenever. */
  readonly until?: number | undefined;
}

export interface BatchEnd {
  /** In item order. */
  readonly outcomes: readonly Outcome[];
  /** Whether keys were left because there was not enough time for them. */
  readonly cut: boolean;
}

/**
 * Does all keys of a batch. From the first failure on, where the job tolerates none, no image work begins: what is being
 * worked on is finished, the rest is pending. The same when so little time is left that what has begun just fits in.
 */
export async function processBatch(work: BatchWork): Promise<BatchEnd> {
  const { job, items, processOne, onOutcome, stopping } = work;
  const [only] = items;
  // A key of its own leaves nothing behind, and most batches are one.
  if (only !== undefined && items.length === 1) {
    const outcome = await processOne(only, stopping);
    if (outcome.status !== 'pending') onOutcome(outcome);
    return { outcomes: [outcome], cut: false };
  }
  const stopsAtFirst = job.toleratedFailureCount === 0 || job.toleratedFailurePercentage === 0;
  const leaving = new AbortController();
  const leave = (): void => leaving.abort(stopping?.reason);
  using clock = cutting(work, leave);
  if (stopping?.aborted === true) leave();
  stopping?.addEventListener('abort', leave, { once: true });
  const outcomeOf = async (selected: SelectedItem): Promise<Outcome> => {
    if (leaving.signal.aborted) return notStarted(job, selected);
    const outcome = await processOne(selected, leaving.signal);
    if (outcome.status === 'pending') return outcome;
    if (outcome.status === 'failed' && stopsAtFirst) leave();
    clock.took(outcome);
    onOutcome(outcome);
    return outcome;
  };
  try {
    const outcomes = await pLimit(MOST_IN_FLIGHT).map(items, outcomeOf);
    return { outcomes, cut: clock.cut() && outcomes.some(({ status }) => status === 'pending') };
  } finally {
    stopping?.removeEventListener('abort', leave);
  }
}

interface CutClock extends Disposable {
  /** A key has ended. */
  took(outcome: Outcome): void;
  /** Whether time ran out. */
  cut(): boolean;
}

/** Calls back once no more is left of the time than what the keys that have begun may take. */
function cutting({ job, until }: BatchWork, onCut: () => void): CutClock {
  let slowest = 0;
  let cut = false;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    clearTimeout(timer);
    if (until === undefined || cut) return;
    const reserve = Math.min(job.limits.milliseconds, Math.max(LEAST_RESERVE, RESERVED_KEYS * slowest));
    const left = until - reserve - Date.now();
    if (left > 0) timer = setTimeout(look, left);
    else {
      cut = true;
      onCut();
    }
  };
  look();
  return {
    took(outcome) {
      const total = 'ms' in outcome ? (outcome.ms?.total ?? 0) : 0;
      if (total <= slowest) return;
      slowest = total;
      look();
    },
    cut: () => cut,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

function notStarted(job: PreparedJob, { index, item }: SelectedItem): Outcome {
  return { status: 'pending', index, key: keyOf(item, job.reader.kind) };
}
