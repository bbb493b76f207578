// The engine for code of one's own, `image-fanout/engine`: runs a job on this machine and answers its account.
import { availableParallelism } from 'node:os';
import { createTransform } from '../lambda/image/transform.ts';
import type { JobInput } from '../lambda/job/job.ts';
import { createPrepare } from '../lambda/prepare/prepare.ts';
import { createProcess } from '../lambda/process/process.ts';
import type { Summary } from '../lambda/report/summary.ts';
import { openStores } from '../lambda/store/open.ts';
import { defaultConcurrency, execute, messageOf, type Running } from './cli/execute.ts';
import type { KeyFailure } from './cli/failures.ts';
import { itemsFor } from './cli/job-items.ts';
import type { Progress } from './cli/progress.ts';
import { newRunId } from './cli/run-id.ts';
import type { Json } from './states-language.ts';

export type { JobInput } from '../lambda/job/job.ts';
export type { Summary } from '../lambda/report/summary.ts';
export type { KeyFailure } from './cli/failures.ts';
export type { Progress } from './cli/progress.ts';

/** How a job is run; nothing of it changes what the job does. */
export interface RunJobOptions {
  /**
   * Once aborted, nothing new is started, what has not begun is pending, and what has begun is finished: the run ends with
   * its account, status `interrupted`. Default: the run ends by itself.
   */
  readonly signal?: AbortSignal;
  /** Told how far the run is, every `progressMilliseconds` and once at the end. Throws nothing. */
  readonly onProgress?: (progress: Progress) => void;
  /** Milliseconds between two calls of `onProgress`. Default: 250. */
  readonly progressMilliseconds?: number;
  /** Told of each key that failed, once it has failed for good. Throws nothing. */
  readonly onFailure?: (failure: KeyFailure) => void;
  /** Image work in processes of its own, so that a crash costs one key. Default: false. */
  readonly isolate?: boolean;
}

/** No run took place, or its account could not be written: `name` is the class of the error, as in docs/reliability.md. */
export class RunError extends Error {
  /** `name`: for example `InvalidJob`, or `ABORTED` when the signal came before anything was started. */
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/**
 * Runs a job on this machine, as `image-fanout run` does, and answers its summary, however the run ended: look at its
 * `status` and `counts`. Throws RunError when nothing was started (a bad job, no permission, an aborted signal) or when the
 * account could not be written.
 */
export async function runJob(job: JobInput, options: RunJobOptions = {}): Promise<Summary> {
  const { signal, onProgress, onFailure = () => {}, progressMilliseconds = 250, isolate = false } = options;
  if (signal?.aborted === true) throw new RunError('ABORTED', 'the signal was aborted before anything was started');
  const stores = openStores();
  const cores = availableParallelism();
  let running: Running | undefined;
  let timer: NodeJS.Timeout | undefined;
  const stop = () => running?.execution.stop({ error: 'ABORTED', cause: 'The signal was aborted' });
  try {
    running = execute({
      run: newRunId(),
      input: job as unknown as Json,
      open: stores.open,
      prepare: createPrepare({
        open: stores.open,
        engine: 'embedded',
        itemsOf: itemsFor(stores.open),
        defaults: { maxConcurrency: defaultConcurrency() },
      }),
      process: createProcess({
        open: stores.open,
        transform: createTransform({ isolate }),
        imageConcurrency: cores + 1,
        mostAwaited: cores,
      }),
      doneBefore: 0,
      onPrepareFailed: () => {},
      onFailure,
      onThresholdExceeded: () => running?.execution.takeBack(),
    });
    signal?.addEventListener('abort', stop, { once: true });
    const { progress } = running;
    if (onProgress !== undefined) timer = setInterval(() => onProgress(progress.read()), progressMilliseconds);
    const ended = await running.ended;
    if (!('summary' in ended)) throw new RunError(ended.error, messageOf(ended.cause));
    onProgress?.(progress.read());
    return ended.summary;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', stop);
    await stores.close();
  }
}
