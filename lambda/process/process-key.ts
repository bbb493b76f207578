// One key: read, transform, write, and say what became of it.

import { Deadline } from '../contract/deadline.ts';
import { definedOnly } from '../contract/defined.ts';
import { FanoutError } from '../contract/errors.ts';
import { isDirectory } from '../contract/location.ts';
import type { Outcome, OutputFacts, SkipReason, SourceFacts, StageTimes } from '../contract/outcome.ts';
import type { Transform, Transformed } from '../image/transform.ts';
import { type Item, itemOf, keyOf } from '../job/item.ts';
import type { SelectedItem } from '../job/prepared.ts';
import { failedOutcome } from '../job/wire.ts';
import { troubleOf } from '../store/retry.ts';
import type { ObjectBody, Provenance } from '../store/store.ts';
import type { Claim, Claims } from './claims.ts';
import { type Output, type Seen, writeOutputs } from './outputs.ts';
import type { ReadAhead } from './read-ahead.ts';
import { isCurrent, type JobContext, leftoverPages, lookAtMark, type Plan, planOf } from './up-to-date.ts';

/** What a process shares over all keys it works on. */
export interface KeyTools {
  readonly transform: Transform;
  /** Runs image work when the CPU has room for it. */
  readonly gate: <T>(work: () => Promise<T>) => Promise<T>;
  readonly readAhead: ReadAhead;
  /** What images are being worked on, the one that began first first. */
  readonly atWork: Set<object>;
  /** How many of those a stop waits for. */
  readonly mostAwaited: number;
  /** The output keys that are being worked on right now. */
  readonly claims: Claims;
  /** How many keys in a row were no longer up to date, or never were. */
  made: number;
}

/** After so many keys that had to be made, the next one's source is asked for while its mark is still looked at. */
const MADE_IN_A_ROW = 8;

/** A clock that stands while a key only queues. */
export interface Clock {
  pause(): void;
  resume(): void;
}

/**
 * Processes one key. Never throws for what is wrong with one key: that is a failed outcome, transient classes included.
 * Throws only when `signal` aborts. When `stopping` does, a key whose image work has not
 * begun is pending at once, and so is one that began when as many as a stop waits for were at work already.
 */
export async function processKey(
  context: JobContext,
  selected: SelectedItem,
  tools: KeyTools,
  clock: Clock,
  signal: AbortSignal,
  stopping?: AbortSignal,
): Promise<Outcome> {
  const { index } = selected;
  const { job } = context;
  const ending = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    ending.abort(reason);
    reject(reason);
  };
  using deadline = new Deadline(job.limits.milliseconds, () =>
    end(tooSlow(job.limits.milliseconds, progress, troubleOf(ending.signal))),
  );
  const onAbort = () => end(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let left = stopping?.aborted === true;
  const onStopping = () => {
    if (progress.begun && isAwaited(progress, tools)) return;
    left = true;
    end(stopping?.reason);
  };
  stopping?.addEventListener('abort', onStopping, { once: true });
  const progress: Progress = {
    begun: false,
    ms: { read: 0, transform: 0, write: 0, total: 0 },
  };
  const key = keyOf(selected.item, job.reader.kind);
  try {
    const item = itemOf(selected.item, job.reader.kind);
    const skip = skipReason(context, item);
    if (skip !== undefined) return { status: 'skipped', index, key, reason: skip };
    signal.throwIfAborted();
    if (left) return { status: 'pending', index, key };
    const turn = { index, progress, signal: ending.signal, tools, clocks: [deadline, clock] };
    // Not everything below listens to signals.
    return await Promise.race([work(context, item, turn), ended]);
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    if (left) return { status: 'pending', index, key };
    const { source } = progress;
    const error = deadline.expired ? ending.signal.reason : thrown;
    return failedOutcome(error, index, key, { ...(source === undefined ? {} : { source }), ms: stopwatch(progress) });
  } finally {
    signal.removeEventListener('abort', onAbort);
    stopping?.removeEventListener('abort', onStopping);
  }
}

/** Of the images that are worked on at a stop, those that began first are awaited; what has been made is, too. */
function isAwaited(progress: Progress, { atWork, mostAwaited }: KeyTools): boolean {
  return !atWork.has(progress) || [...atWork].indexOf(progress) < mostAwaited;
}

/** How far the work on a key has come, for the outcome, also of a key that failed half-way. */
interface Progress {
  /** Whether its image work has begun: what only reads or queues has not. */
  begun: boolean;
  source?: SourceFacts;
  readonly ms: { read: number; transform: number; write: number; total: number };
}

/** The stages' own time: a key that waits for its turn is not slow. */
function stopwatch({ ms }: Progress): StageTimes {
  return { ...ms, total: rounded(ms.read + ms.transform + ms.write) };
}

/** One key's turn: its place in the input, what it works with, when it ends, and how far it has come. */
interface Turn {
  readonly index: number;
  readonly tools: KeyTools;
  /** The key's own and its batch's. */
  readonly clocks: readonly Clock[];
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function work(context: JobContext, item: Item, turn: Turn): Promise<Outcome> {
  const { job } = context;
  const { index, tools, signal } = turn;
  const plan = planOf(context, item);
  const known = plan.keys.filter((key) => key !== undefined);
  const claim = tools.claims.turn(plan.uri, job.destination.bucket);
  try {
    // Claimed before the first look, so that what was seen stays true for all keys of this process.
    await queueing(turn, claim.take(known));
    signal.throwIfAborted();
    await using early = readEarly(context, plan, turn);
    const seen = await lookAtMark(context, plan, signal);
    if (await isCurrent(context, plan, seen, signal)) {
      tools.made = 0;
      return { status: 'skipped', index, key: item.key, reason: 'upToDate' };
    }
    tools.made += 1;
    return await make(context, plan, turn, seen, claim, early);
  } finally {
    claim.release();
  }
}

/** A source that is read before it is known whether it will be needed. */
interface Early extends AsyncDisposable {
  readonly body: Promise<ObjectBody>;
  /** Hands the memory on that it holds, and its place among what is read ahead. */
  take(): Memory;
}

/**
 * Asks for the source at once, in the time that the look at the mark takes, where the keys before had all to be made and
 * there is room: of a light image over S3 the waiting is most of what is paid. Undefined else.
 */
function readEarly({ job, source }: JobContext, { item }: Plan, turn: Turn): Early | undefined {
  const { tools, signal, progress } = turn;
  if (job.existing !== 'skip' || tools.made < MADE_IN_A_ROW || isDirectory(job.source)) return undefined;
  const memory = memoryOf(tools.readAhead);
  if (!memory.tryEnter(Math.min(item.bytes ?? tools.readAhead.expected(), job.limits.bytes))) return undefined;
  const body = timed(progress.ms, 'read', () => source.read(item.key, { maxBytes: job.limits.bytes, signal }));
  // Awaited by who takes it, or where it ends unneeded; until then it may not count as unhandled.
  body.catch(() => {});
  let taken = false;
  return {
    body,
    take() {
      taken = true;
      return memory;
    },
    async [Symbol.asyncDispose]() {
      if (taken) return;
      await body.catch(() => {});
      memory.set(0);
      tools.readAhead.leave();
    },
  };
}

/** Waits for a turn, if there is something to wait for: the clocks stand meanwhile. */
async function queueing({ clocks }: Turn, turn: Promise<void> | undefined): Promise<void> {
  if (turn === undefined) return;
  for (const clock of clocks) clock.pause();
  await turn;
  for (const clock of clocks) clock.resume();
}

async function make(
  context: JobContext,
  plan: Plan,
  turn: Turn,
  seen: Seen | undefined,
  claim: Claim,
  early: Early | undefined,
): Promise<Outcome> {
  const { index, signal, progress, tools } = turn;
  const { job, destination } = context;
  const { ms } = progress;
  const { key } = plan.item;
  const memory = early?.take() ?? memoryOf(tools.readAhead);
  try {
    const { source, transformed } = await readAndTransform(context, plan, turn, memory, early?.body);
    progress.source = source;
    const mine: Provenance = { source: plan.uri, fingerprint: context.fingerprintOf(source.etag), run: job.run };
    const outputs = transformed.renditions.map((rendition): Output => {
      const { contentType, cacheControl, storageClass, tags, metadata } = rendition;
      const headers = definedOnly({ contentType, cacheControl, storageClass, tags, metadata });
      return { key: job.destination.prefix + rendition.key, body: rendition.body, headers };
    });
    const others = claim.take(outputs.map((output) => output.key));
    // Who is waited for may itself wait for memory.
    if (others !== undefined) memory.set(0);
    await queueing(turn, others);
    signal.throwIfAborted();
    const upToDate = await timed(ms, 'write', () =>
      writeOutputs(destination, outputs, {
        ...{ mine, existing: job.existing, uris: plan.uris, last: placeOfMark(plan, outputs), seen, signal },
        liveRun: context.liveRun,
      }),
    );
    const leftover = await leftoverPages(context, plan, transformed.renditions, signal);
    return {
      status: 'succeeded',
      index,
      key,
      source,
      outputs: transformed.renditions.map((rendition, place) =>
        outputFacts(rendition, outputs[place] as Output, upToDate[place] === true),
      ),
      ms: stopwatch(progress),
      ...(transformed.placeholder === undefined ? {} : { placeholder: transformed.placeholder }),
      ...(leftover.length === 0 ? {} : { leftover }),
    };
  } finally {
    memory.set(0);
  }
}

/** The place of the output that is written last: by its key, as of several pages only the first one's stand in the plan. */
function placeOfMark({ keys, marker }: Plan, outputs: readonly Output[]): number {
  const place = outputs.findIndex(({ key }) => key === keys[marker]);
  return place < 0 ? outputs.length - 1 : place;
}

/** The bytes that one key holds. */
interface Memory {
  /** Waits for room for a source of so many bytes. */
  enter(bytes: number): Promise<void> | undefined;
  /** Takes the room when it is there at once. */
  tryEnter(bytes: number): boolean;
  set(bytes: number): void;
}

function memoryOf(readAhead: ReadAhead): Memory {
  let held = 0;
  return {
    enter(bytes) {
      const room = readAhead.enter(bytes);
      held = bytes;
      return room;
    },
    tryEnter(bytes) {
      const entered = readAhead.tryEnter(bytes);
      if (entered) held = bytes;
      return entered;
    },
    set(bytes) {
      readAhead.holds(bytes - held);
      held = bytes;
    },
  };
}

/** Reads the source when there is room for it in memory, and transforms it when there is room on the CPU. */
async function readAndTransform(
  { job, source, overlays: opened }: JobContext,
  { item: { key, bytes }, relative }: Plan,
  turn: Turn,
  memory: Memory,
  early: Promise<ObjectBody> | undefined,
): Promise<{ readonly source: SourceFacts; readonly transformed: Transformed }> {
  const { tools, clocks, signal, progress } = turn;
  const { ms } = progress;
  const { readAhead } = tools;
  if (early === undefined)
    await queueing(turn, memory.enter(Math.min(bytes ?? readAhead.expected(), job.limits.bytes)));
  let ahead = true;
  const leave = (): void => {
    if (ahead) readAhead.leave();
    ahead = false;
  };
  try {
    signal.throwIfAborted();
    const read = await (early ?? timed(ms, 'read', () => source.read(key, { maxBytes: job.limits.bytes, signal })));
    const size = read.body.length;
    memory.set(size);
    readAhead.took('read', ms.read, size);
    progress.source = { etag: read.etag, bytes: size };
    const overlays = new Map([...opened].map(([name, { body }]) => [name, body]));
    const input = { body: read.body, key: relative, recipe: job.recipe, limits: job.limits, signal, overlays };
    for (const clock of clocks) clock.pause();
    const transformed = await tools.gate(async () => {
      leave();
      for (const clock of clocks) clock.resume();
      signal.throwIfAborted();
      progress.begun = true;
      tools.atWork.add(progress);
      try {
        return await timed(ms, 'transform', () => tools.transform(input));
      } finally {
        tools.atWork.delete(progress);
      }
    });
    readAhead.took('transform', ms.transform);
    const shape = { etag: read.etag, bytes: size, ...transformed.source };
    const bodies = transformed.renditions.map(({ body }) => body);
    // An output may be the source itself (`onLarger: "original"`).
    if (!bodies.some((body) => body.buffer === read.body.buffer)) release(read.body);
    memory.set(bodies.reduce((sum, body) => sum + body.length, 0));
    return { source: shape, transformed };
  } finally {
    leave();
  }
}

/**
 * Gives a source's memory back at once. Megabytes that wait for the garbage collector make it run often, for nothing:
 * measured, a sixteenth of the CPU time of a run on photos. Only what is a whole allocation of its own may go.
 */
function release({ buffer, byteLength }: Buffer): void {
  if (buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Why an item is no work; undefined when it is. Throws InvalidItem for a key outside the source. */
export function skipReason(
  { job, selection }: Pick<JobContext, 'job' | 'selection'>,
  item: Item,
): SkipReason | undefined {
  if (item.notCurrent) return 'notCurrent';
  if (!item.key.startsWith(job.source.prefix)) {
    if (job.reader.kind === 'S3_INVENTORY') return 'outsideSource';
    throw new FanoutError('InvalidItem', `${item.key} is not below the source's prefix`, {
      expected: `a key that starts with ${job.source.prefix}`,
      met: item.key,
    });
  }
  if (item.key.endsWith('/')) return 'folderMarker';
  return selection.reasonAgainst(item.key.slice(job.source.prefix.length));
}

function outputFacts(rendition: Transformed['renditions'][number], output: Output, upToDate: boolean): OutputFacts {
  const { name, format, page, width, height, pages, gainMap, quality, ssim } = rendition;
  return {
    name,
    key: output.key,
    bytes: output.body.length,
    format,
    ...definedOnly({ page, width, height, pages, gainMap, quality, ssim }),
    ...(upToDate ? { upToDate: true as const } : {}),
  };
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

/** A slow network is no slow image: the message tells them apart, and says what was being tried again. */
function tooSlow(milliseconds: number, { source }: Progress, trouble: FanoutError | undefined): FanoutError {
  const reading = source === undefined ? ', still reading' : '';
  const again = trouble === undefined ? '' : `; trying again after ${trouble.name}: ${trouble.message}`;
  return new FanoutError('ImageTimeout', `not done after ${milliseconds} milliseconds${reading}${again}`, {
    expected: `at most ${milliseconds} milliseconds (limits.milliseconds)`,
    met: `more than ${milliseconds} milliseconds`,
  });
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
