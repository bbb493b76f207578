// What one key may cost: the bounds that hostile or huge input meets, with their defaults.
import * as z from 'zod';
import { bytes, milliseconds } from './amount.ts';

/**
 * The limits of one key. Each has its own error class, which names the limit and the value met. The defaults fit the
 * image function's default memory (1769 MB) and time.
 */
export const limitsSchema = z.strictObject({
  bytes: bytes(z.int().min(1).max(2_000_000_000))
    .default(256 * 1024 * 1024)
    .describe('Largest source object, in bytes or as 10MB, else TooManyBytes. Known before the download starts.'),
  pixels: z
    .int()
    .min(1)
    .max(4_000_000_000)
    .default(0x3fff * 0x3fff)
    .describe(
      "Most pixels, summed over the frames that are decoded, else TooManyPixels. Default: sharp's own, 16383 x 16383.",
    ),
  frames: z
    .int()
    .min(1)
    .max(100_000)
    .default(1000)
    .describe('Most frames of an animation that is kept, else TooManyFrames.'),
  dimension: z
    .int()
    .min(1)
    .max(65_535)
    .default(16_383)
    .describe('Largest width or height of an output in pixels, else OutputTooLarge.'),
  milliseconds: milliseconds(z.int().min(1).max(600_000))
    .default(60_000)
    .describe('Longest time for one key, in milliseconds or as 90s, reading and writing included, else ImageTimeout.'),
  memory: bytes(
    z
      .int()
      .min(128 * 1024 * 1024)
      .max(10_240 * 1024 * 1024),
  )
    .default(1024 * 1024 * 1024)
    .describe(
      'Most resident memory, in bytes or as 1GiB, of a process of its own (vector images, untrusted formats), else ImageCrashed.',
    ),
});

export type Limits = z.output<typeof limitsSchema>;
