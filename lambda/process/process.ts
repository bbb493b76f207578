// Process image: the keys of one child execution in, what became of each out.
import pLimit from 'p-limit';
import { fingerprinter } from '../contract/fingerprint.ts';
import { resolveReference } from '../contract/location.ts';
import type { Outcome, ProcessResult } from '../contract/outcome.ts';
import { together } from '../contract/together.ts';
import { sumOfUsed, type Used } from '../contract/used.ts';
import { encoderVersion } from '../image/encoder-version.ts';
import { overlayReferences } from '../image/overlays.ts';
import type { Transform } from '../image/transform.ts';
import type { PreparedJob, ProcessEvent } from '../job/prepared.ts';
import { createSelection, type Selection } from '../job/selection.ts';
import { answerOf, cutOf, doneBefore, failureOf, stoppedOf, tooLongOf, usedOf } from '../job/wire.ts';
import type { OpenStore } from '../store/store.ts';
import { type BatchEnd, processBatch } from './batch.ts';
import { type Claims, createClaims } from './claims.ts';
import { liveRuns } from './live-runs.ts';
import { type Clock, type KeyTools, processKey } from './process-key.ts';
import { createReadAhead } from './read-ahead.ts';
import type { JobContext } from './up-to-date.ts';

/** Prepared jobs that stay open: a Lambda environment meets few, the embedded engine one. */
const MOST_JOBS = 4;

/** How long after the execution began what it has listed is believed. */
const FRESH_MILLISECONDS = 3_600_000;

/** Milliseconds of a child's life with which it is worth while to call for the rest of a batch. */
const LEAST_FOR_THE_REST = 20_000;

export interface ProcessDependencies {
  readonly open: OpenStore;
  readonly transform: Transform;
  /** How many images are decoded and encoded at once. Default: no bound but the number of calls. */
  readonly imageConcurrency?: number;
  /** For how many of those a stop waits: the rest only kept the processors busy. Default: for all. */
  readonly mostAwaited?: number;
  /** Of whoever else works on the same outputs in this process. Default: nobody does. */
  readonly claims?: Claims;
  /** Bytes that sources and outputs may take in all. Default: see `read-ahead.ts`. */
  readonly mostBytes?: number;
  /** Told of the globs of each job that is opened: which of them match is known at its end. */
  readonly onSelection?: (selection: Selection) => void;
  /** Told what became of each key, as soon as that is known: for logs and metrics. */
  readonly onOutcome?: (outcome: Outcome, job: PreparedJob) => void;
}

export interface ProcessContext {
  /** Aborts the work: nothing is answered then. */
  readonly signal?: AbortSignal;
  /** Asks to leave what has not begun: a key whose image work has, goes on; the others are pending. */
  readonly stopping?: AbortSignal;
  /** Asked at the end what the invocation has used, to be told with the answer. Default: nobody knows. */
  readonly used?: () => Used;
  /** Told when all keys of the batch only queue for the CPU, and when one of them goes on. */
  readonly clock?: Clock;
  /** How much there is, in epoch milliseconds. Default: enough. */
  readonly time?: BatchTime;
}

export interface BatchTime {
  /** When this call must have answered. */
  readonly until: number;
  /** When the last call for this batch must have. */
  readonly last: number;
}

const NO_CLOCK: Clock = { pause: () => {}, resume: () => {} };

export type Process = (event: ProcessEvent, context?: ProcessContext) => Promise<ProcessResult>;

/**
 * Makes the handler. It answers with one outcome per item, in item order; when a key failed it throws the error that
 * `failureOf` makes of the outcomes. A batch stops starting keys at its first failure when the job tolerates none, and when
 * its time runs out: then it throws what `cutOf` makes of the outcomes, and the call for the rest is given that.
 */
export function createProcess({
  open,
  transform,
  imageConcurrency = Number.POSITIVE_INFINITY,
  mostAwaited = imageConcurrency,
  claims = createClaims(),
  mostBytes,
  onSelection = () => {},
  onOutcome = () => {},
}: ProcessDependencies): Process {
  const jobs = new Map<string, Promise<JobContext>>();
  const limit = pLimit(imageConcurrency);
  const tools: KeyTools = {
    transform,
    gate: (work) => limit(work),
    readAhead: createReadAhead(imageConcurrency, mostBytes),
    claims,
    atWork: new Set(),
    made: 0,
    mostAwaited,
  };

  return async (event, context = {}) => {
    const { BatchInput, Items, redrives = 0, cut } = event;
    const { signal = new AbortController().signal, stopping, clock = NO_CLOCK, time } = context;
    const { run } = BatchInput;
    const opened = await remembered(jobs, `${run.bucket}/${run.key}`, () => openJob(open, run, signal, onSelection));
    const job = { ...opened, fresh: redrives === 0 && isFresh(BatchInput) };
    const before = cut === undefined ? undefined : doneBefore(event, cut, job.job.reader.kind);
    const timed = batchClock(clock);
    const end = await processBatch({
      job: job.job,
      items: before === undefined ? Items : Items.filter(({ index }) => !before.has(index)),
      processOne: (selected, leave) =>
        timed.key((keyClock) => processKey(job, selected, tools, keyClock, signal, leave)),
      onOutcome: (outcome) => onOutcome(outcome, job.job),
      stopping,
      until: time?.until,
    });
    const whole = before === undefined ? end : { ...end, outcomes: merged(Items, before, end.outcomes) };
    return answered(whole, context, usedBy(event, context));
  };
}

/** One outcome per item: of an earlier call, or of this one. */
function merged(
  items: ProcessEvent['Items'],
  before: ReadonlyMap<number, Outcome>,
  now: readonly Outcome[],
): readonly Outcome[] {
  const rest = now.values();
  return items.map(({ index }) => before.get(index) ?? (rest.next().value as Outcome));
}

/**
 * Whether the items were listed by this very execution, and not long ago. A redrive runs on the items that were listed
 * before; those that had not been started look as they did, so their age tells.
 */
function isFresh({ started, redrives = 0 }: ProcessEvent['BatchInput']): boolean {
  const age = started === undefined ? 0 : Date.now() - Date.parse(started);
  return redrives === 0 && age < FRESH_MILLISECONDS;
}

/** Lets the clock of a batch stand while all of its keys queue at the gate. */
function batchClock(clock: Clock): { key: <T>(work: (clock: Clock) => Promise<T>) => Promise<T> } {
  let working = 0;
  let queued = 0;
  const counting = (keys: number, inQueue: number): void => {
    working += keys;
    queued += inQueue;
    if (working > 0 && queued === working) clock.pause();
    else clock.resume();
  };
  return {
    key: async (work) => {
      counting(1, 0);
      let queues = false;
      let ended = false;
      const turn = (into: boolean): void => {
        // Work that was left behind when its key ended may still come to its turn.
        if (ended) return;
        if (queues !== into) counting(0, into ? 1 : -1);
        queues = into;
      };
      try {
        return await work({ pause: () => turn(true), resume: () => turn(false) });
      } finally {
        ended = true;
        counting(-1, queues ? -1 : 0);
      }
    },
  };
}

/** How the batch ended: with an answer, or by throwing the error that tells it all the same. */
function answered(
  { outcomes, cut }: BatchEnd,
  { stopping, time }: ProcessContext,
  used: Used | undefined,
): ProcessResult {
  if (outcomes.some(({ status }) => status === 'failed')) throw failureOf(outcomes, used);
  if (cut) {
    const tooLong = time !== undefined && time.last - Date.now() < LEAST_FOR_THE_REST;
    throw tooLong ? tooLongOf(outcomes, used) : cutOf(outcomes, used);
  }
  if (stopping?.aborted === true && outcomes.some(({ status }) => status === 'pending')) throw stoppedOf(outcomes);
  return answerOf(outcomes, used);
}

/** What this call used, and the earlier ones for its batch, where the caller measures it. */
function usedBy({ Items, BatchInput, cut }: ProcessEvent, { used }: ProcessContext): Used | undefined {
  const own = used?.();
  if (own === undefined || cut === undefined) return own;
  const before = usedOf({ status: 'FAILED', input: { Items, BatchInput }, error: cut.Error, cause: cut.Cause });
  return before === undefined ? own : sumOfUsed(before, own);
}

async function openJob(
  open: OpenStore,
  run: ProcessEvent['BatchInput']['run'],
  signal: AbortSignal,
  onSelection: (selection: Selection) => void,
): Promise<JobContext> {
  const { body } = await open(run.bucket).read(run.key, { signal });
  // Written by Prepare, which has validated it; nobody else may write below the results prefix.
  const context = await openContext(JSON.parse(body.toString()) as PreparedJob, open, signal);
  onSelection(context.selection);
  return context;
}

/** Opens what all keys of a prepared job share. Throws what reading a watermark throws. */
export async function openContext(job: PreparedJob, open: OpenStore, signal: AbortSignal): Promise<JobContext> {
  const overlays = new Map(
    await together(overlayReferences(job.recipe), async (reference) => {
      const { bucket, key } = resolveReference(reference, job.destination);
      const overlay = await open(bucket).read(key, { maxBytes: job.limits.bytes, signal });
      return [reference, overlay] as const;
    }),
  );
  return {
    job,
    source: open(job.source.bucket),
    destination: open(job.destination.bucket),
    selection: createSelection(job.include, job.exclude),
    overlays,
    fresh: true,
    liveRun: liveRuns(open(job.results.bucket), job),
    fingerprintOf: fingerprinter({
      recipe: job.recipe,
      encoder: encoderVersion(),
      inputs: [...overlays.values()].map((overlay) => overlay.etag),
    }),
  };
}

/** The value of a key, made once; a failure is not remembered, and the oldest makes room. */
function remembered<T>(values: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = values.get(key);
  if (known !== undefined) return known;
  const made = make();
  made.catch(() => values.delete(key));
  values.set(key, made);
  const oldest = values.keys().next().value;
  if (values.size > MOST_JOBS && oldest !== undefined) values.delete(oldest);
  return made;
}
