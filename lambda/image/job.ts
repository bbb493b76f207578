// What the image work of one key shares: source, recipe, limits, and the few CPU slots that its pipelines take turns in.
import { availableParallelism } from 'node:os';
import type { Sharp } from 'sharp';
import { FanoutError } from '../contract/errors.ts';
import type { Limits } from '../contract/limits.ts';
import type { Recipe } from '../recipe/types.ts';
import type { SourceImage } from './source-image.ts';

/** The image work of one key. */
export interface ImageJob {
  readonly key: string;
  readonly source: SourceImage;
  readonly recipe: Recipe;
  readonly limits: Limits;
  readonly overlays: ReadonlyMap<string, Buffer>;
  /** Whether intermediate pixels have 16 bits per channel. */
  readonly deep: boolean;
  /** Whether intermediate pixels carry profile and metadata, as an uncompressed PNG; else they are raw. */
  readonly carrier: boolean;
  /** Runs a pipeline when a slot is free, bounded in time. */
  readonly run: <T>(image: Sharp, work: (image: Sharp) => Promise<T>) => Promise<T>;
}

/** libuv has four threads unless told otherwise: more pipelines at once would only queue, holding their pixels. */
const SLOTS = Math.max(1, Math.min(4, availableParallelism()));

/** Makes the `run` of a job: at most so many pipelines at once as there are CPUs, none after the deadline or an abort. */
export function runner(limits: Limits, signal: AbortSignal | undefined): ImageJob['run'] {
  const deadline = performance.now() + limits.milliseconds;
  const waiting: (() => void)[] = [];
  let free = SLOTS;
  return async (image, work) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free -= 1;
    try {
      signal?.throwIfAborted();
      const left = deadline - performance.now();
      if (left <= 0) throw tookTooLong(limits);
      // sharp counts whole seconds, and no more than an hour of them.
      return await work(image.timeout({ seconds: Math.min(3600, Math.ceil(left / 1000)) }));
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

/** The error of a key that is past its time. */
export function tookTooLong({ milliseconds }: Limits): FanoutError {
  const expected = `at most ${milliseconds} milliseconds (limits.milliseconds)`;
  return new FanoutError(
    'ImageTimeout',
    `the image took longer than ${milliseconds} milliseconds (limits.milliseconds)`,
    {
      expected,
      met: `more than ${milliseconds} milliseconds`,
    },
  );
}
