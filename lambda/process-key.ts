// One key: read, transform, write, and say what became of it.
import { Deadline } from './deadline.ts';
import { FanoutError } from './errors.ts';
import { fingerprint } from './fingerprint.ts';
import { encoderVersion } from './image/encoder-version.ts';
import type { Transform, Transformed } from './image/transform.ts';
import { type Item, itemOf, keyOf } from './item.ts';
import { staticOutputKeys } from './keys.ts';
import { objectUri } from './location.ts';
import type { Outcome, OutputFacts, SkipReason, SourceFacts, StageTimes } from './outcome.ts';
import { collision, type Output, type Seen, writeOutputs } from './outputs.ts';
import type { PreparedJob, SelectedItem } from './prepared.ts';
import { isFrom } from './store/provenance.ts';
import type { Provenance, Store } from './store/store.ts';
import { failedOutcome } from './wire.ts';

/** A prepared job with what its keys share: opened once, used by every key. */
export interface JobContext {
  readonly job: PreparedJob;
  readonly source: Store;
  readonly destination: Store;
  readonly isSelected: (relativeKey: string) => boolean;
  /** Watermarks by their reference in the recipe, and their ETags. */
  readonly overlays: ReadonlyMap<string, { readonly body: Buffer; readonly etag: string }>;
}

/** What a process shares over all keys it works on. */
export interface KeyTools {
  readonly transform: Transform;
  /** Runs image work when the CPU has room for it. */
  readonly gate: <T>(work: () => Promise<T>) => Promise<T>;
  /** The output keys that are being written right now, by URI, with the source that does. */
  readonly claims: Map<string, string>;
}

/**
 * Processes one key. Never throws for what is wrong with one key: that is a failed outcome, transient classes included.
 * Throws only when `signal` aborts.
 */
export async function processKey(
  context: JobContext,
  selected: SelectedItem,
  tools: KeyTools,
  signal: AbortSignal,
): Promise<Outcome> {
  const { index } = selected;
  const { job } = context;
  using deadline = new Deadline(job.limits.milliseconds);
  const both = AbortSignal.any([signal, deadline.signal]);
  const progress: Progress = { ms: { read: 0, transform: 0, write: 0, total: 0 }, started: performance.now() };
  const key = keyOf(selected.item, job.reader.kind);
  try {
    const item = itemOf(selected.item, job.reader.kind);
    const skip = skipReason(context, item);
    if (skip !== undefined) return { status: 'skipped', index, key, reason: skip };
    const turn = { index, progress, signal: both, tools: atDeadline(tools, deadline, signal) };
    const running = work(context, item, turn);
    return await endingAt(both, running);
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const { source } = progress;
    const error = deadline.signal.aborted ? tooSlow(job.limits.milliseconds, source === undefined) : thrown;
    return failedOutcome(error, index, key, { ...(source === undefined ? {} : { source }), ms: stopwatch(progress) });
  }
}

/** How far the work on a key has come, for the outcome, also of a key that failed half-way. */
interface Progress {
  source?: SourceFacts;
  readonly ms: { read: number; transform: number; write: number; total: number };
  readonly started: number;
}

function stopwatch({ ms, started }: Progress): StageTimes {
  return { ...ms, total: rounded(performance.now() - started) };
}

/** What is known of a key before it is read. */
interface Plan {
  readonly item: Item;
  /** Key below the source's prefix. */
  readonly relative: string;
  /** The source's URI, as provenance has it. */
  readonly uri: string;
  /** The outputs' full keys; undefined where only the image knows. */
  readonly keys: readonly (string | undefined)[];
  /** The place of the output that is written last: the mark that a key is done. */
  readonly marker: number;
}

function planOf({ job }: JobContext, item: Item): Plan {
  const relative = item.key.slice(job.source.prefix.length);
  const keys = staticOutputKeys(job.recipe, relative).map(({ key }) =>
    key === undefined ? undefined : job.destination.prefix + key,
  );
  const known = keys.findLastIndex((key) => key !== undefined);
  const marker = known < 0 ? keys.length - 1 : known;
  return { item, relative, uri: objectUri(job.source.bucket, item.key), keys, marker };
}

/** One key's turn: its place in the input, what it works with, when it ends, and how far it has come. */
interface Turn {
  readonly index: number;
  readonly tools: KeyTools;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function work(context: JobContext, item: Item, turn: Turn): Promise<Outcome> {
  const { job } = context;
  const { index, tools, signal } = turn;
  const plan = planOf(context, item);
  const known = plan.keys.filter((key) => key !== undefined);
  // Claimed before the first look, so that what was seen stays true for all keys of this process.
  return await claiming(tools.claims, job.destination.bucket, known, plan.uri, async () => {
    const seen = await lookAtMark(context, plan, signal);
    if (await isCurrent(context, plan, seen, signal)) {
      return { status: 'skipped', index, key: item.key, reason: 'upToDate' };
    }
    return await make(context, plan, turn, seen);
  });
}

async function make(context: JobContext, plan: Plan, turn: Turn, seen: Seen | undefined): Promise<Outcome> {
  const { index, tools, signal, progress } = turn;
  const { job, source, destination } = context;
  const { ms } = progress;
  const { key } = plan.item;
  const read = await timed(ms, 'read', () => source.read(key, { maxBytes: job.limits.bytes, signal }));
  progress.source = { etag: read.etag, bytes: read.body.length };
  const overlays = new Map([...context.overlays].map(([name, { body }]) => [name, body]));
  const input = { body: read.body, key: plan.relative, recipe: job.recipe, limits: job.limits, signal, overlays };
  const transformed = await tools.gate(() => timed(ms, 'transform', () => tools.transform(input)));
  const shape = { ...progress.source, ...transformed.source };
  progress.source = shape;

  const mine: Provenance = { source: plan.uri, fingerprint: fingerprintOf(context, read.etag), run: job.run };
  const outputs = transformed.renditions.map((rendition): Output => {
    const { contentType, cacheControl, storageClass, tags, metadata } = rendition;
    const headers = definedOnly({ contentType, cacheControl, storageClass, tags, metadata });
    return { key: job.destination.prefix + rendition.key, body: rendition.body, headers };
  });
  const keys = outputs.map((output) => output.key);
  const upToDate = await timed(ms, 'write', () =>
    claiming(tools.claims, job.destination.bucket, keys, plan.uri, () =>
      writeOutputs(destination, outputs, { mine, existing: job.existing, last: plan.marker, seen, signal }),
    ),
  );
  release(read.body);
  return {
    status: 'succeeded',
    index,
    key,
    source: shape,
    outputs: transformed.renditions.map((rendition, place) =>
      outputFacts(rendition, outputs[place] as Output, upToDate[place] === true),
    ),
    ms: stopwatch(progress),
    ...(transformed.placeholder === undefined ? {} : { placeholder: transformed.placeholder }),
  };
}

/**
 * Gives a source's memory back at once. Megabytes that wait for the garbage collector make it run often, for nothing:
 * measured, a sixteenth of the CPU time of a run on photos. Only what is a whole allocation of its own may go.
 */
function release({ buffer, byteLength }: Buffer): void {
  if (buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** The same tools, with the clock stopped while a key queues at the gate. */
function atDeadline(tools: KeyTools, deadline: Deadline, signal: AbortSignal): KeyTools {
  return {
    ...tools,
    gate: (run) => {
      deadline.pause();
      return tools.gate(() => {
        signal.throwIfAborted();
        deadline.resume();
        return run();
      });
    },
  };
}

/** Why an item is no work; undefined when it is. Throws InvalidItem for a key outside the source. */
export function skipReason({ job, isSelected }: JobContext, item: Item): SkipReason | undefined {
  if (item.notCurrent) return 'notCurrent';
  if (!item.key.startsWith(job.source.prefix)) {
    if (job.reader.kind === 'S3_INVENTORY') return 'outsideSource';
    throw new FanoutError('InvalidItem', `${item.key} is not below the source's prefix`, {
      expected: `a key that starts with ${job.source.prefix}`,
      met: item.key,
    });
  }
  if (item.key.endsWith('/')) return 'folderMarker';
  return isSelected(item.key.slice(job.source.prefix.length)) ? undefined : 'excluded';
}

/** One look at the output that is written last. Not taken when no output key can be known before the work is done. */
async function lookAtMark(
  { job, destination }: JobContext,
  { keys, marker }: Plan,
  signal: AbortSignal,
): Promise<Seen | undefined> {
  const key = keys[marker];
  if (job.existing !== 'skip' || key === undefined) return undefined;
  return { key, head: await destination.head(key, { signal }) };
}

/** Whether the mark says that the outputs are there and current. Not so of what this very run wrote: a retry tells the whole outcome again. */
async function isCurrent(
  context: JobContext,
  { item, uri }: Plan,
  seen: Seen | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const theirs = seen?.head?.provenance;
  if (theirs === undefined || theirs.run === context.job.run || !isFrom(theirs, uri)) return false;
  const etag = item.etag ?? (await context.source.head(item.key, { signal }))?.etag;
  return etag !== undefined && theirs.fingerprint === fingerprintOf(context, etag);
}

/** Whether the key's outputs are there and current, without any work on it: for dry runs. */
export async function isUpToDate(context: JobContext, item: Item, signal: AbortSignal): Promise<boolean> {
  const plan = planOf(context, item);
  return await isCurrent(context, plan, await lookAtMark(context, plan, signal), signal);
}

/** Holds output keys while they are worked on, so that two sources in one process cannot pass each other unseen. */
async function claiming<T>(
  claims: Map<string, string>,
  bucket: string,
  keys: readonly string[],
  source: string,
  work: () => Promise<T>,
): Promise<T> {
  const mine: string[] = [];
  try {
    for (const key of keys) {
      const uri = objectUri(bucket, key);
      const owner = claims.get(uri);
      if (owner === source) continue;
      if (owner !== undefined) throw collision(key, source, owner);
      claims.set(uri, source);
      mine.push(uri);
    }
    return await work();
  } finally {
    for (const uri of mine) claims.delete(uri);
  }
}

function fingerprintOf({ job, overlays }: JobContext, etag: string): string {
  return fingerprint({
    etag,
    recipe: job.recipe,
    encoder: encoderVersion(),
    inputs: [...overlays.values()].map((overlay) => overlay.etag),
  });
}

function outputFacts(rendition: Transformed['renditions'][number], output: Output, upToDate: boolean): OutputFacts {
  const { name, format, width, height, pages, quality, ssim } = rendition;
  return {
    name,
    key: output.key,
    bytes: output.body.length,
    format,
    ...definedOnly({ width, height, pages, quality, ssim }),
    ...(upToDate ? { upToDate: true as const } : {}),
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function definedOnly<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

async function timed<T>(
  ms: Record<'read' | 'transform' | 'write', number>,
  stage: keyof typeof ms,
  run: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  try {
    return await run();
  } finally {
    ms[stage] = rounded(performance.now() - start);
  }
}

/** The work's result, or the signal's reason as soon as it aborts: not everything below listens to signals. */
async function endingAt<T>(signal: AbortSignal, running: Promise<T>): Promise<T> {
  running.catch(() => {});
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A slow network is no slow image: the message tells them apart. */
function tooSlow(milliseconds: number, reading: boolean): FanoutError {
  return new FanoutError(
    'ImageTimeout',
    `not done after ${milliseconds} milliseconds${reading ? ', still reading' : ''}`,
    {
      expected: `at most ${milliseconds} milliseconds (limits.milliseconds)`,
      met: `more than ${milliseconds} milliseconds`,
    },
  );
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
