// Image work in processes of their own, which can be ended: on time, on memory, on an abort. A few are kept and used again.
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type ErrorName, FanoutError } from '../contract/errors.ts';
import { tookTooLong } from './job.ts';
import type { Transform, Transformed, TransformInput } from './transform-types.ts';

/** What a worker is sent, and what it answers with: structured clones, so bytes stay bytes. */
export type WorkerTask = Omit<TransformInput, 'signal'>;
export type WorkerAnswer =
  | { readonly transformed: Transformed }
  | {
      readonly error: {
        readonly name: ErrorName;
        readonly message: string;
        readonly expected?: string | undefined;
        readonly met?: string | undefined;
      };
    };

/** As many workers as CPUs: more would only compete. */
const MOST_WORKERS = Math.max(1, availableParallelism());
/** A worker that holds more than this after its work is not used again: librsvg and the allocator give little back. */
const STALE_BYTES = 300 * 1024 * 1024;
/** Between looks at a worker's memory: at a gigabyte a second, an overshoot of some 20 MB. */
const WATCH_MILLISECONDS = 20;
/** Linux' page size on x64, and on arm64 of Lambda and the usual distributions. */
const PAGE_BYTES = 4096;

const idle: ChildProcess[] = [];
const waiting: (() => void)[] = [];
let busy = 0;

/**
 * Does what `transform` does in a process of its own. `limits.milliseconds` and `limits.memory` end it: ImageTimeout
 * and ImageCrashed. So does a crash, which costs this key alone. Memory is bounded where /proc is, that is on Linux.
 */
export const transformIsolated: Transform = async (input) => {
  input.signal?.throwIfAborted();
  if (busy >= MOST_WORKERS) await new Promise<void>((resolve) => waiting.push(resolve));
  else busy += 1;
  try {
    return await work(idle.pop() ?? start(), input);
  } finally {
    const next = waiting.shift();
    if (next === undefined) busy -= 1;
    else next();
  }
};

/** Ends the idle workers. Nothing needs it to exit: they do not hold the process. */
export function closeIsolated(): void {
  for (const child of idle.splice(0)) child.kill('SIGKILL');
}

function start(): ChildProcess {
  const child = fork(workerPath(), {
    serialization: 'advanced',
    execArgv: [],
    // No credentials, no settings: only what finding libraries and fonts needs.
    env: Object.fromEntries(
      KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // What it is sent may fail when it dies first; its exit says all there is to say.
  child.on('error', () => {});
  return child;
}

const KEPT = [
  'PATH',
  'HOME',
  'LANG',
  'LD_LIBRARY_PATH',
  'NODE_PATH',
  'FONTCONFIG_PATH',
  'FONTCONFIG_FILE',
  'XDG_CACHE_HOME',
] as const;

/** Beside the bundled handler lies the bundled worker; beside this source lies its source. */
function workerPath(): string {
  const bundled = fileURLToPath(new URL('./image-worker.mjs', import.meta.url));
  return existsSync(bundled) ? bundled : fileURLToPath(new URL('./isolated-worker.ts', import.meta.url));
}

async function work(child: ChildProcess, input: TransformInput): Promise<Transformed> {
  const { signal, ...task } = input;
  const { promise, resolve, reject } = Promise.withResolvers<Transformed>();
  const kill = (reason: unknown): void => {
    reject(reason);
    child.kill('SIGKILL');
  };
  const onMessage = (answer: WorkerAnswer): void => {
    if ('transformed' in answer) resolve(answer.transformed);
    else reject(new FanoutError(answer.error.name, answer.error.message, definedOnly(answer.error)));
  };
  const onExit = (code: number | null, exitSignal: string | null): void =>
    reject(crashed(`its process ended with ${exitSignal ?? `code ${code}`}`, 'a process that ends by itself'));
  const onAbort = (): void => kill(signal?.reason);
  const timer = setTimeout(() => kill(tookTooLong(input.limits)), input.limits.milliseconds);
  const watch = setInterval(() => {
    const bytes = residentBytes(child);
    if (bytes > input.limits.memory) kill(tooMuchMemory(bytes, input.limits.memory));
  }, WATCH_MILLISECONDS);
  child.on('message', onMessage);
  child.on('exit', onExit);
  signal?.addEventListener('abort', onAbort, { once: true });
  hold(child, true);
  try {
    child.send(task satisfies WorkerTask);
    return await promise;
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
    child.off('message', onMessage);
    child.off('exit', onExit);
    signal?.removeEventListener('abort', onAbort);
    hold(child, false);
    keep(child);
  }
}

/** Keeps a worker for the next key, unless it is gone or has grown. */
function keep(child: ChildProcess): void {
  if (!child.connected || child.killed || child.exitCode !== null || child.signalCode !== null) return;
  if (residentBytes(child) > STALE_BYTES) child.kill('SIGKILL');
  else idle.push(child);
}

/** Whether the child keeps this process running: only while it works. */
function hold(child: ChildProcess, on: boolean): void {
  const verb = on ? 'ref' : 'unref';
  child[verb]();
  child.channel?.[verb]();
}

/** The child's resident memory in bytes; 0 where the system does not tell. */
function residentBytes({ pid }: ChildProcess): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
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

function definedOnly({
  expected,
  met,
}: {
  readonly expected?: string | undefined;
  readonly met?: string | undefined;
}): { expected?: string; met?: string } {
  return { ...(expected === undefined ? {} : { expected }), ...(met === undefined ? {} : { met }) };
}
