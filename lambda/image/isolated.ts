// Image work in processes of their own, which can be ended: on time, on memory, on an abort. A few are kept and used again.
import { availableParallelism } from 'node:os';
import { definedOnly } from '../contract/defined.ts';
import { FanoutError } from '../contract/errors.ts';
import { type Child, type ChildAnswer, ChildEnded, startChild } from './child.ts';
import { tookTooLong } from './job.ts';
import type { Transform, Transformed, TransformInput } from './transform-types.ts';

/** As many workers as CPUs: more would only compete. */
const MOST_WORKERS = Math.max(1, availableParallelism());
/** A worker that holds more than this after its work is not used again: librsvg and the allocator give little back. */
const STALE_BYTES = 300 * 1024 * 1024;
/** Between looks at a worker's memory: at a gigabyte a second, an overshoot of some 20 MB. */
const WATCH_MILLISECONDS = 20;

const idle: Child[] = [];
const ended = new WeakSet<Child>();
const waiting: (() => void)[] = [];
let busy = 0;
let cpu = 0;

/**
 * Does what `transform` does in a process of its own. `limits.milliseconds` and `limits.memory` end it: ImageTimeout
 * and ImageCrashed. So does a crash, which costs this key alone; a process that died before it took the key costs none.
 * Memory is bounded where /proc is, that is on Linux.
 */
export const transformIsolated: Transform = async (input) => {
  input.signal?.throwIfAborted();
  if (busy >= MOST_WORKERS) await new Promise<void>((resolve) => waiting.push(resolve));
  else busy += 1;
  try {
    input.signal?.throwIfAborted();
    for (;;) {
      const used = idle.pop();
      const answer = await work(used ?? startChild(onEnd), input);
      if (!(answer instanceof ChildEnded)) {
        cpu += answer.cpuMilliseconds;
        return transformedIn(answer);
      }
      // One that was used before had died while idle, and nobody knew yet: the next one gets the key.
      if (used === undefined || answer.taken) throw crashed(answer.message, 'a process that ends by itself');
    }
  } finally {
    const next = waiting.shift();
    if (next === undefined) busy -= 1;
    else next();
  }
};

/** Milliseconds of CPU time that processes of their own have taken for image work so far; of one that was ended, nothing is known. */
export function isolatedCpuMilliseconds(): number {
  return cpu;
}

/** Ends the idle workers. Nothing needs it to exit: they do not hold the process. */
export function closeIsolated(): void {
  for (const child of idle.splice(0)) child.kill();
}

function onEnd(child: Child): void {
  ended.add(child);
  const place = idle.indexOf(child);
  if (place >= 0) idle.splice(place, 1);
}

/** Throws what ends the work from here: the limits' errors, or the signal's reason. */
async function work(child: Child, input: TransformInput): Promise<ChildAnswer | ChildEnded> {
  const { signal, ...task } = input;
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  let isStopped = false;
  const stop = (reason: unknown): void => {
    isStopped = true;
    reject(reason);
    child.kill();
  };
  const onAbort = (): void => stop(signal?.reason);
  const timer = setTimeout(() => stop(tookTooLong(input.limits)), input.limits.milliseconds);
  const watch = setInterval(() => {
    const bytes = child.residentBytes();
    if (bytes > input.limits.memory) stop(tooMuchMemory(bytes, input.limits.memory));
  }, WATCH_MILLISECONDS);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([child.run(task), stopped]);
  } catch (error) {
    if (error instanceof ChildEnded) return error;
    throw error;
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
    signal?.removeEventListener('abort', onAbort);
    if (!isStopped) keep(child);
  }
}

/** Keeps a worker for the next key, unless it is gone or has grown. */
function keep(child: Child): void {
  if (ended.has(child)) return;
  if (child.residentBytes() > STALE_BYTES) child.kill();
  else idle.push(child);
}

function transformedIn(answer: ChildAnswer): Transformed {
  if ('transformed' in answer) return answer.transformed;
  const { name, message, expected, met } = answer.error;
  throw new FanoutError(name, message, definedOnly({ expected, met }));
}

function tooMuchMemory(met: number, limit: number): FanoutError {
  return crashed(`its process took ${met} bytes of memory`, `at most ${limit} bytes of memory (limits.memory)`);
}

function crashed(met: string, expected: string): FanoutError {
  return new FanoutError('ImageCrashed', `the image could not be processed: ${met}, expected ${expected}`, {
    expected,
    met,
  });
}
