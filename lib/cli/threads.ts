// A run's keys in threads of their own, behind the one engine: more of them as the engine's own thread is seen to fill.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import type { ProcessResult } from '../../lambda/contract/outcome.ts';
import type { Selection } from '../../lambda/job/selection.ts';
import { type Claim, type Claims, createClaims } from '../../lambda/process/claims.ts';
import type { Process, ProcessContext } from '../../lambda/process/process.ts';
import type { OnRetry } from './retries.ts';
import { type FromThread, receivedError, sentError, type ThreadSetting, type ToThread } from './thread-protocol.ts';

export interface ThreadsOptions {
  /** How many from the start; `auto`: none, until the engine's thread is full while processors are idle. */
  readonly threads: number | 'auto';
  /** Image work in processes of its own. */
  readonly isolate: boolean;
  /** Makes what does the work while there are no threads. */
  readonly inline: (claims: Claims, onSelection: (selection: Selection) => void) => Process;
  readonly onThrottle: () => void;
  readonly onRetry: OnRetry;
  /** Told of each number of threads that is reached. */
  readonly onThreads?: (threads: number) => void;
}

export interface Threads {
  readonly process: Process;
  /** The globs that no thread has seen a key for; undefined when no job was opened. */
  unused(): readonly string[] | undefined;
  /** Ends the threads, once nothing runs in them. */
  close(): Promise<void>;
}

/** Of all sources and outputs that are held at once, in bytes: shared out among the threads. */
const MOST_BYTES = 512 * 1024 * 1024;
/** One large photo and its outputs. */
const LEAST_BYTES = 32 * 1024 * 1024;
/** Beyond that the engine's own thread, which hands the keys out, is what is full. */
const MOST_THREADS = 32;

/** How often the engine's thread is looked at, in milliseconds. */
const LOOK_MILLISECONDS = 500;
/** So full, that keys wait for it. */
const FULL = 0.8;
/** So much of the machine may be in use, and still there is some to gain. */
const IDLE = 0.85;
/** Looks in a row that must agree. */
const LOOKS = 3;

/** How long a thread may take to close its files and connections. */
const CLOSE_MILLISECONDS = 5_000;

interface Thread {
  calls: number;
  send(message: ToThread): void;
  run(event: Parameters<Process>[0], context: ProcessContext): Promise<ProcessResult>;
  close(): Promise<void>;
}

/** Starts them. A thread that dies fails what it was working on, as UnexpectedError, and takes no more. */
export function createThreads({
  threads,
  isolate,
  inline,
  onThrottle,
  onRetry,
  onThreads = () => {},
}: ThreadsOptions): Threads {
  const cores = availableParallelism();
  const claims = createClaims();
  const running: Thread[] = [];
  let unused: ReadonlySet<string> | undefined;
  let selection: Selection | undefined;
  let stopping: AbortSignal | undefined;

  const here = inline(claims, (opened) => {
    selection = opened;
  });

  function add(): void {
    const most = typeof threads === 'number' ? Math.max(1, threads) : mostThreads(cores);
    const setting: ThreadSetting = {
      isolate,
      // In all one more than processors, as in one thread.
      images: Math.ceil(cores / most) + 1,
      awaited: Math.ceil(cores / most),
      bytes: Math.max(LEAST_BYTES, MOST_BYTES / most),
    };
    const thread = startThread(setting, claims, {
      onThrottle,
      onRetry,
      onUnused: (globs) => {
        const seen = unused;
        unused = new Set(seen === undefined ? globs : globs.filter((glob) => seen.has(glob)));
      },
      onEnd: () => {
        const place = running.indexOf(thread);
        if (place >= 0) running.splice(place, 1);
      },
    });
    running.push(thread);
    if (stopping?.aborted === true) thread.send({ type: 'stop', error: sentError(stopping.reason) });
    onThreads(running.length);
  }

  /** The stop of a run is one for all of its calls. */
  function heed(signal: AbortSignal | undefined): void {
    if (signal === undefined || signal === stopping) return;
    stopping = signal;
    const tell = () => {
      for (const thread of running) thread.send({ type: 'stop', error: sentError(signal.reason) });
    };
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  }

  if (typeof threads === 'number') for (let at = 0; at < threads; at++) add();
  const watch = threads === 'auto' && mostThreads(cores) > 1 ? watchFill(cores, grow) : undefined;

  /** One thread would only move the work: two are the first that gain. */
  function grow(): void {
    if (running.length >= mostThreads(cores)) return;
    add();
    if (running.length === 1) add();
  }

  return {
    process: async (event, context = {}) => {
      heed(context.stopping);
      const [first, ...others] = running;
      if (first === undefined) return await here(event, context);
      const thread = others.reduce((least, other) => (other.calls < least.calls ? other : least), first);
      return await thread.run(event, context);
    },
    unused() {
      const own = selection?.unused();
      if (own === undefined) return unused === undefined ? undefined : [...unused];
      const theirs = unused;
      return theirs === undefined ? own : own.filter((glob) => theirs.has(glob));
    },
    async close() {
      watch?.stop();
      await Promise.all([...running].map((thread) => thread.close()));
    },
  };
}

/** Half as many as processors: the other half decodes and encodes for them, in libvips' own threads. */
function mostThreads(cores: number): number {
  return Math.min(MOST_THREADS, Math.floor(cores / 2));
}

/** Calls `grow` when this thread has been full for a while and the machine was not. */
function watchFill(cores: number, grow: () => void): { stop(): void } {
  let [loop, cpu, since, full] = [performance.eventLoopUtilization(), process.cpuUsage(), performance.now(), 0];
  const timer = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(loop);
    const { user, system } = process.cpuUsage(cpu);
    const used = (user + system) / 1000 / (performance.now() - since) / cores;
    [loop, cpu, since] = [performance.eventLoopUtilization(), process.cpuUsage(), performance.now()];
    full = isFull(utilization, used) ? full + 1 : 0;
    if (full < LOOKS) return;
    full = 0;
    grow();
  }, LOOK_MILLISECONDS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Whether more threads pay: the engine's is full, and of all processors' time (0 to 1) some is left. */
export function isFull(utilization: number, used: number): boolean {
  return utilization >= FULL && used < IDLE;
}

interface ThreadEvents {
  onThrottle(): void;
  onRetry: OnRetry;
  onUnused(globs: readonly string[]): void;
  onEnd(): void;
}

interface Call {
  readonly answer: PromiseWithResolvers<ProcessResult>;
  readonly context: ProcessContext;
}

function startThread(setting: ThreadSetting, claims: Claims, events: ThreadEvents): Thread {
  const worker = new Worker(workerUrl(), { workerData: setting });
  const calls = new Map<number, Call>();
  const turns = new Map<number, Claim>();
  let next = 0;
  let closing = false;
  const closed = Promise.withResolvers<void>();

  async function take({ turn, take, keys }: Extract<FromThread, { type: 'take' }>): Promise<void> {
    try {
      await turns.get(turn)?.take(keys);
      send({ type: 'taken', take });
    } catch (thrown) {
      send({ type: 'taken', take, error: sentError(thrown) });
    }
  }

  function settle(call: number): Call | undefined {
    const found = calls.get(call);
    calls.delete(call);
    thread.calls = calls.size;
    return found;
  }

  function receive(message: FromThread): void {
    if (message.type === 'done') settle(message.call)?.answer.resolve(message.result);
    else if (message.type === 'failed') settle(message.call)?.answer.reject(receivedError(message.error));
    else if (message.type === 'clock') {
      const { clock } = calls.get(message.call)?.context ?? {};
      if (message.paused) clock?.pause();
      else clock?.resume();
    } else if (message.type === 'turn') turns.set(message.turn, claims.turn(message.source, message.bucket));
    else if (message.type === 'take') take(message).catch(events.onEnd);
    else if (message.type === 'release') {
      turns.get(message.turn)?.release();
      turns.delete(message.turn);
    } else if (message.type === 'throttled') events.onThrottle();
    else if (message.type === 'retrying') events.onRetry(message.error, message.milliseconds);
    else events.onUnused(message.globs);
  }

  function end(how: string): void {
    events.onEnd();
    for (const turn of turns.values()) turn.release();
    turns.clear();
    for (const call of [...calls.keys()]) {
      settle(call)?.answer.reject(
        receivedError({ name: 'UnexpectedError', message: `the thread that worked on it ended: ${how}` }),
      );
    }
    closed.resolve();
  }

  let how = 'it was ended';
  worker.on('message', receive);
  worker.on('error', (error) => {
    how = error.message;
  });
  worker.on('exit', (code) => end(closing ? how : `${how} (code ${code})`));
  const send = (message: ToThread): void => worker.postMessage(message);

  const thread: Thread = {
    calls: 0,
    send,
    async run(event, context) {
      const call = next++;
      const answer = Promise.withResolvers<ProcessResult>();
      calls.set(call, { answer, context });
      thread.calls = calls.size;
      const { signal } = context;
      const onAbort = () => {
        send({ type: 'abort', call, error: sentError(signal?.reason) });
        // What was aborted is waited for by nobody.
        settle(call)?.answer.reject(signal?.reason);
      };
      if (signal?.aborted === true) onAbort();
      else {
        signal?.addEventListener('abort', onAbort, { once: true });
        send({ type: 'work', call, event });
      }
      try {
        return await answer.promise;
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
    close() {
      closing = true;
      send({ type: 'close' });
      // What was aborted there may still hang.
      const timer = setTimeout(() => worker.terminate().catch(() => undefined), CLOSE_MILLISECONDS);
      return closed.promise.finally(() => clearTimeout(timer));
    },
  };
  return thread;
}

/** Beside the bundled command line lies the bundled thread; beside this source lies its source. */
function workerUrl(): URL {
  const bundled = new URL('./thread-worker.mjs', import.meta.url);
  return existsSync(bundled) ? bundled : new URL('./thread-worker.ts', import.meta.url);
}
