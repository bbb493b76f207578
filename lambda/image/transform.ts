// The image room's door: bytes and a recipe in, renditions out. Knows no S3. What cannot be bounded here runs where it can be ended.
import { Deadline } from '../contract/deadline.ts';
import { FanoutError } from '../contract/errors.ts';
import { isDecoded } from './decoders/decoders.ts';
import { asksForGainMap, hasGainMap } from './gain-map.ts';
import { transformHere } from './here.ts';
import { transformIsolated } from './isolated.ts';
import { tookTooLong } from './job.ts';
import { sniff } from './sniff.ts';
import { formatOf, isUntrusted } from './source-format.ts';
import type { Transform, Transformed, TransformInput } from './transform-types.ts';

export type { Rendition, SourceShape, Transform, Transformed, TransformInput } from './transform-types.ts';

/**
 * Gives the function that makes every output of a recipe from one image. The same input gives the same bytes.
 *
 * With `isolate` each image is worked on in a process of its own, so that a crash costs one key; without it only what no
 * timeout of libvips stops is: vectors and untrusted formats, which can cost gigabytes and minutes.
 *
 * The function throws FanoutError of the classes NotAnImage, TruncatedImage, CorruptImage, UnsupportedImage,
 * TooManyBytes, TooManyPixels, TooManyFrames, ImageTimeout, ImageCrashed, RecipeMismatch, OutputTooLarge,
 * QualityUnreachable and UnsafeKey; or the signal's reason.
 */
export function createTransform({ isolate = false }: { readonly isolate?: boolean | undefined } = {}): Transform {
  return async (input) => {
    input.signal?.throwIfAborted();
    const format = formatOf(input);
    const mapped = format === 'jpeg' && asksForGainMap(input.recipe) && hasGainMap(input.body);
    const kind = format === 'svg' || isUntrusted(format) || isDecoded(format) || mapped;
    const apart = isolate || kind || hasVectorOverlay(input);
    if (apart) return transformIsolated(input);
    try {
      return await inTime(input, transformHere(input, format));
    } catch (error) {
      if (!isToldByLibvips(error)) throw error;
      return await transformIsolated(input);
    }
  };
}

/** The image room without options. */
export const transform: Transform = createTransform();

/**
 * Whether a class was read from libvips' words. All threads of a process write their errors into one buffer, so among
 * images at work an error may come with another's words: the image is looked at once more, alone.
 */
function isToldByLibvips(error: unknown): boolean {
  return error instanceof FanoutError && error.cause instanceof Error && error.name !== 'ImageTimeout';
}

function hasVectorOverlay({ overlays }: TransformInput): boolean {
  return [...(overlays?.values() ?? [])].some(sniffsAsSvg);
}

function sniffsAsSvg(body: Buffer): boolean {
  const found = sniff(body);
  return found.kind === 'image' && found.format === 'svg';
}

/** The result, ImageTimeout when it takes too long, or the signal's reason: whichever comes first. libvips may end a little later. */
async function inTime({ limits, signal }: TransformInput, running: Promise<Transformed>): Promise<Transformed> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  using _ = new Deadline(limits.milliseconds, () => reject(tookTooLong(limits)));
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([running, ended]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
