// Sizes before pixels: what a resize will give, as libvips rounds it, and whether an output would be too large.
import { FanoutError } from '../contract/errors.ts';
import type { Limits } from '../contract/limits.ts';
import type { Operations } from '../recipe/types.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Resized extends Size {
  /** Largest of the two scales: how much of the source's detail is needed. */
  readonly scale: number;
  /** Whether the whole image is there, with its own proportions: nothing cut off or added. */
  readonly plain: boolean;
}

/** What sharp's resize makes of a size. The rounding is sharp's (ResolveShrink in its pipeline). */
export function resized(from: Size, options: NonNullable<Operations['resize']>): Resized {
  const { width, height, fit = 'cover' } = options;
  let across = width === undefined ? undefined : width / from.width;
  let down = height === undefined ? undefined : height / from.height;
  const both = across !== undefined && down !== undefined;
  if (fit === 'fill') {
    across ??= 1;
    down ??= 1;
  } else if (both) {
    const pick = fit === 'cover' || fit === 'outside' ? Math.max : Math.min;
    across = down = pick(across ?? 1, down ?? 1);
  } else {
    across = down = across ?? down ?? 1;
  }
  const bound = (scale: number): number => {
    if (options.withoutEnlargement === true) return Math.min(1, scale);
    return options.withoutReduction === true ? Math.max(1, scale) : scale;
  };
  const scaled = { width: side(from.width * bound(across)), height: side(from.height * bound(down)) };
  const scale = Math.max(bound(across), bound(down));
  if (!both || fit === 'inside' || fit === 'outside') return { ...scaled, scale, plain: fit !== 'fill' };
  if (fit === 'fill') return { ...scaled, scale, plain: false };
  const cut = fit === 'cover' ? Math.min : Math.max;
  return { width: cut(scaled.width, width ?? 0), height: cut(scaled.height, height ?? 0), scale, plain: false };
}

/** Rounds as C's rint does, halves to even, and never to nothing. */
function side(length: number): number {
  const floor = Math.floor(length);
  const rounded = length - floor === 0.5 ? floor + (floor % 2) : Math.round(length);
  return Math.max(1, rounded);
}

/** The most that operations make of a size: exact for resize and extend, an upper bound for what only pixels decide. */
export function sizeAfter(from: Size, operations: Operations): Size {
  let { width, height } = from;
  const { rotate, extract, resize, extend } = operations;
  if (rotate !== undefined) {
    const angle = (rotate.angle * Math.PI) / 180;
    const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
    [width, height] = [Math.round(width * cos + height * sin), Math.round(width * sin + height * cos)];
  }
  if (extract !== undefined) ({ width, height } = extract);
  if (resize !== undefined) ({ width, height } = resized({ width, height }, resize));
  if (extend !== undefined) {
    width += (extend.left ?? 0) + (extend.right ?? 0);
    height += (extend.top ?? 0) + (extend.bottom ?? 0);
  }
  return { width, height };
}

/** Throws OutputTooLarge when a side exceeds `limits.dimension` or the frames together exceed `limits.pixels`. */
export function checkOutputSize(name: string, { width, height }: Size, frames: number, limits: Limits): void {
  const met = `${width} x ${height}${frames > 1 ? ` x ${frames} frames` : ''} pixels`;
  if (Math.max(width, height) > limits.dimension) {
    const expected = `at most ${limits.dimension} pixels a side (limits.dimension)`;
    throw new FanoutError('OutputTooLarge', `output "${name}" would be ${met}, expected ${expected}`, {
      expected,
      met,
    });
  }
  if (width * height * frames > limits.pixels) {
    const expected = `at most ${limits.pixels} pixels in all (limits.pixels)`;
    throw new FanoutError('OutputTooLarge', `output "${name}" would be ${met}, expected ${expected}`, {
      expected,
      met,
    });
  }
}
