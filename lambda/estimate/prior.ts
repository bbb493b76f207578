// What an image probably costs before any has been looked at: from its recipe and its weight alone.
import type { FormatName, Output, Recipe } from '../recipe/types.ts';

/**
 * CPU milliseconds a megapixel, on one core of a server of 2026, measured with sharp 0.35 on camera photos: decoding and
 * scaling, and each encoder at its usual options.
 */
const DECODE = 7;
const ENCODE: Readonly<Record<FormatName, number>> = {
  ...{ jpeg: 16, png: 60, webp: 90, avif: 2800, heif: 2800, tiff: 5, gif: 1400 },
};
/** An AVIF's by its effort, 0 to 9: https://sharp.pixelplumbing.com/api-output#avif ; measured up to 4, beyond it a guess. */
const AVIF_EFFORT = [150, 250, 360, 900, 2800, 4000, 5500, 7500, 10_000, 14_000] as const;
const MOZJPEG = 70;

/** Bytes of a photo's megapixel, as cameras write it. */
const BYTES_PER_MEGAPIXEL = 300_000;
/** Bytes of a photo of which nothing is known. */
const USUAL_BYTES = 3_000_000;
/** Milliseconds: requests of one key, and the least of an output. */
const REQUESTS = 80;
const LEAST_OUTPUT = 3;
/** Encodings that a search for a quality takes, about. */
const SEARCH = 6;

/** A guess within a factor of three; `plan` measures. */
export interface Prior {
  /** Of the image function at 1,769 MB, for one image. */
  readonly milliseconds: number;
  /** Objects written for one image, the manifest included. */
  readonly outputs: number;
}

/** Guesses what one image takes whose source has so many bytes. Default: a photo's 3 MB. */
export function priorOf(recipe: Recipe, meanBytes: number = USUAL_BYTES): Prior {
  const megapixels = Math.max(0.01, meanBytes / BYTES_PER_MEGAPIXEL);
  const encoding = recipe.outputs.reduce((sum, output) => sum + encodingOf(recipe, output, megapixels), 0);
  return {
    milliseconds: Math.round(REQUESTS + DECODE * megapixels + encoding),
    outputs: recipe.outputs.length + (recipe.manifest === undefined ? 0 : 1),
  };
}

function encodingOf(recipe: Recipe, output: Output, source: number): number {
  const { width, height } = output.operations.resize ?? recipe.operations.resize ?? {};
  // Photos are wider than they are high, by a third.
  const wide = width ?? (height === undefined ? undefined : (height * 4) / 3);
  const high = height ?? (width === undefined ? undefined : (width * 3) / 4);
  const asked = wide === undefined || high === undefined ? source : (wide * high) / 1e6;
  const megapixels = Math.min(source, asked);
  const times = output.maxBytes === undefined && output.minSsim === undefined ? 1 : SEARCH;
  const each = output.formats.map((format) => perMegapixel(output, format === 'same' ? 'jpeg' : format));
  return times * each.reduce((sum, rate) => sum + Math.max(LEAST_OUTPUT, rate * megapixels), 0);
}

function perMegapixel({ encoders }: Output, format: FormatName): number {
  if (format === 'jpeg' && encoders.jpeg?.mozjpeg === true) return MOZJPEG;
  const effort = format === 'avif' ? encoders.avif?.effort : format === 'heif' ? encoders.heif?.effort : undefined;
  return (effort === undefined ? undefined : AVIF_EFFORT[effort]) ?? ENCODE[format];
}
