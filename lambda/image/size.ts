// Sizes before pixels: how large everything is that a pipeline makes on its way to an output, as sharp rounds it, and whether that is too large.
import { FanoutError } from '../contract/errors.ts';
import type { Limits } from '../contract/limits.ts';
import type { Operations } from '../recipe/types.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

type Resize = NonNullable<Operations['resize']>;

/** What sharp does besides scaling when it opens a source: it may decode a smaller copy, and turn the image afterwards. */
export interface Opening {
  /** The decoder that shrinks on load; undefined for all others, and for pixels. */
  readonly shrinks?: 'jpeg' | 'webp' | undefined;
  /** Whether the source lies on its side: EXIF orientations 5 to 8. */
  readonly sideways?: boolean;
  /** Whether it is turned or mirrored in any way: EXIF orientations 2 to 8. */
  readonly turns?: boolean;
}

export interface Resized extends Size {
  /** Of the whole image once it is scaled: before a crop cuts, or a background is added. */
  readonly scaled: Size;
  /** Largest of the two scales: how much of the source's detail is needed. */
  readonly scale: number;
  /** Whether the whole image is there, with its own proportions: nothing cut off or added. */
  readonly plain: boolean;
}

/**
 * What sharp's resize makes of a size. It follows `ResolveShrink` and what comes after it in sharp's pipeline.cc, and
 * `vips_resize`, step by step and in the same doubles; the test compares thousands of sizes with sharp's.
 */
export function resized(from: Size, options: Resize, { shrinks, sideways = false }: Opening = {}): Resized {
  const stored = sideways ? turned(from) : from;
  const box = sideways ? { width: options.height, height: options.width } : options;
  const first = shrinksOf(stored, box, options);
  const loaded = shrinks === undefined ? stored : shrunkOnLoad(stored, first, shrinks, options);
  const { across, down } = loaded === stored ? first : shrinksOf(loaded, box, options);
  const laid = { width: half(loaded.width * (1 / across)), height: half(loaded.height * (1 / down)) };
  const scaled = sideways ? turned(laid) : laid;
  const { width = scaled.width, height = scaled.height, fit = 'cover' } = options;
  const final =
    fit === 'cover'
      ? { width: Math.min(width, scaled.width), height: Math.min(height, scaled.height) }
      : fit === 'contain'
        ? { width: Math.max(width, scaled.width), height: Math.max(height, scaled.height) }
        : scaled;
  // Where bounds keep the picture larger than its box, sharp's contain moves it out of sight.
  const boxed = fit !== 'contain' || (width === scaled.width && height === scaled.height);
  return {
    ...final,
    scaled,
    scale: Math.max(1 / first.across, 1 / first.down),
    plain: fit !== 'fill' && boxed && final.width === scaled.width && final.height === scaled.height,
  };
}

/** How many pixels become one, across and down: sharp's `ResolveShrink`. */
function shrinksOf(
  from: Size,
  box: { readonly width?: number | undefined; readonly height?: number | undefined },
  { fit = 'cover', withoutEnlargement, withoutReduction }: Resize,
): { readonly across: number; readonly down: number } {
  let across = box.width === undefined ? undefined : from.width / box.width;
  let down = box.height === undefined ? undefined : from.height / box.height;
  if (fit !== 'fill') {
    const pick = fit === 'cover' || fit === 'outside' ? Math.min : Math.max;
    const both = across !== undefined && down !== undefined ? pick(across, down) : (across ?? down ?? 1);
    across = down = both;
  }
  const bound = (shrink: number, side: number): number => {
    const bounded =
      withoutReduction === true ? Math.min(1, shrink) : withoutEnlargement === true ? Math.max(1, shrink) : shrink;
    return Math.min(bounded, side);
  };
  return { across: bound(across ?? 1, from.width), down: bound(down ?? 1, from.height) };
}

/** The copy that the decoder gives when less than the whole is asked for. */
function shrunkOnLoad(
  from: Size,
  { across, down }: { readonly across: number; readonly down: number },
  shrinks: 'jpeg' | 'webp',
  { fastShrinkOnLoad = true }: Resize,
): Size {
  const shrink = Math.min(across, down);
  if (shrinks === 'webp') {
    if (!fastShrinkOnLoad || shrink <= 1) return from;
    const scale = 1 / shrink;
    return { width: even(from.width * scale), height: even(from.height * scale) };
  }
  const factor = fastShrinkOnLoad ? 1 : 2;
  let by = shrink >= 8 * factor ? 8 : shrink >= 4 * factor ? 4 : shrink >= 2 * factor ? 2 : 1;
  if (by > 1 && Math.trunc(shrink) === by) by /= 2;
  return by === 1 ? from : { width: floor(from.width / by), height: floor(from.height / by) };
}

/** Rounds halves up, and never to nothing: libvips' VIPS_ROUND_UINT. */
function half(length: number): number {
  return Math.max(1, Math.floor(length + 0.5));
}

/** Rounds halves to even, as C's rint does. */
function even(length: number): number {
  const below = Math.floor(length);
  return Math.max(1, length - below === 0.5 ? below + (below % 2) : Math.round(length));
}

function floor(length: number): number {
  return Math.max(1, Math.floor(length));
}

export function turned({ width, height }: Size): Size {
  return { width: height, height: width };
}

/** Everything that a pipeline makes, in order; the last is the output. */
export interface Step extends Size {
  readonly what: 'rotated' | 'extracted' | 'scaled' | 'resized' | 'extended' | 'unchanged';
  /** Whether it is there as a whole in memory: what a crop leaves out is never made. */
  readonly whole: boolean;
}

/**
 * How large everything is that operations make of a size: what limits, memory and plan go by. Exact but for what only
 * pixels decide: `trim` counts as if it cut nothing.
 */
export function stepsOf(from: Size, operations: Operations, opening: Opening = {}): Step[] {
  const steps: Step[] = [];
  const { rotate, extract, resize, extend } = operations;
  let size: Size = from;
  const add = (what: Step['what'], next: Size, whole = true): void => {
    size = { width: next.width, height: next.height };
    steps.push({ what, ...size, whole });
  };
  if (rotate !== undefined) add('rotated', rotated(size, rotate.angle));
  if (extract !== undefined) add('extracted', extract);
  if (resize !== undefined) {
    const { scaled, ...final } = resized(size, resize, openingOf(operations, opening));
    if (scaled.width !== final.width || scaled.height !== final.height) add('scaled', scaled, !cropped(size, resize));
    add('resized', final);
  }
  if (extend !== undefined) {
    add('extended', {
      width: size.width + (extend.left ?? 0) + (extend.right ?? 0),
      height: size.height + (extend.top ?? 0) + (extend.bottom ?? 0),
    });
  }
  if (steps.length === 0) add('unchanged', from);
  return steps;
}

/** What is left of how a source is opened when the resize has its turn: what comes before it may have needed every pixel, upright. */
function openingOf({ rotate, flip, flop, extract, trim, gamma }: Operations, opening: Opening): Opening {
  const turns = rotate !== undefined || flip === true || flop === true;
  if (turns || extract !== undefined || trim !== undefined) return {};
  return gamma === undefined ? opening : { ...opening, shrinks: undefined };
}

/**
 * Whether operations make the very same of the decoded whole, upright, as of the source: not where the decoder gives a
 * smaller copy, nor where sharp scales before it turns, as libvips enlarges from one corner.
 */
export function readsAlike(from: Size, operations: Operations, opening: Opening = {}): boolean {
  const { resize } = operations;
  if (resize === undefined) return true;
  const { shrinks, sideways = false, turns = false } = openingOf(operations, opening);
  const stored = sideways ? turned(from) : from;
  const box = sideways ? { width: resize.height, height: resize.width } : resize;
  const first = shrinksOf(stored, box, resize);
  if (turns && (first.across !== 1 || first.down !== 1)) return false;
  return shrinks === undefined || shrunkOnLoad(stored, first, shrinks, resize) === stored;
}

function rotated({ width, height }: Size, degrees: number): Size {
  const quarters = ((degrees % 360) + 360) % 360;
  if (quarters % 180 === 0) return { width, height };
  if (quarters % 90 === 0) return { width: height, height: width };
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
  return { width: Math.round(width * cos + height * sin), height: Math.round(width * sin + height * cos) };
}

/** Positions that sharp finds by a look at the whole scaled image. */
export function isStrategy({ fit = 'cover', position }: Resize): boolean {
  return fit === 'cover' && (position === 'attention' || position === 'entropy');
}

/** A scaled image is made as a whole up to so many pixels, 24 MB, or so many times those of its crop. */
const LEAST_CROPPED = 8_000_000;
const MOST_OUTSIDE = 8;

/**
 * The area of the source that a crop will show, when what lies outside is not to be scaled: where the source is enlarged
 * and most of it is cut away. A hundred bytes would cost gigabytes otherwise: 1 x 200 covers 1200 x 630 with an image of
 * 1200 x 240,000. Undefined where sharp does it in one go.
 */
export function croppedFirst(from: Size, resize: Resize): Size | undefined {
  if ((resize.fit ?? 'cover') !== 'cover' || resize.width === undefined || resize.height === undefined)
    return undefined;
  const { scale, scaled, width, height } = resized(from, resize);
  const most = Math.max(LEAST_CROPPED, MOST_OUTSIDE * width * height);
  if (scale <= 1 || scaled.width * scaled.height <= most) return undefined;
  return {
    width: Math.min(from.width, Math.ceil(width / scale)),
    height: Math.min(from.height, Math.ceil(height / scale)),
  };
}

function cropped(from: Size, resize: Resize): boolean {
  return croppedFirst(from, resize) !== undefined || ((resize.fit ?? 'cover') === 'cover' && !isStrategy(resize));
}

/** The size of what operations make of a size. */
export function sizeAfter(from: Size, operations: Operations, opening: Opening = {}): Size {
  const { width, height } = stepsOf(from, operations, opening).at(-1) as Step;
  return { width, height };
}

/**
 * Throws OutputTooLarge when a side of the output exceeds `limits.dimension`, or the frames of it, or of anything that is
 * made on the way to it, together exceed `limits.pixels`.
 */
export function checkSteps(name: string, steps: readonly Step[], frames: number, limits: Limits): void {
  const counted = frames > 1 ? ` x ${frames} frames` : '';
  for (const [place, { width, height, whole }] of steps.entries()) {
    const last = place === steps.length - 1;
    const tooLong = last && Math.max(width, height) > limits.dimension;
    if (!tooLong && (!whole || width * height * frames <= limits.pixels)) continue;
    const met = `${width} x ${height}${counted} pixels`;
    const expected = tooLong
      ? `at most ${limits.dimension} pixels a side (limits.dimension)`
      : `at most ${limits.pixels} pixels in all (limits.pixels)`;
    const would = last ? `would be ${met}` : `would need ${met} in between`;
    throw new FanoutError('OutputTooLarge', `output "${name}" ${would}, expected ${expected}`, { expected, met });
  }
}
