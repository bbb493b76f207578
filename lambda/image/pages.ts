// Pages and frames: how many a source has, which of them each output is made of, and that none is lost unless the recipe says so.
import { FanoutError } from '../contract/errors.ts';
import type { Limits } from '../contract/limits.ts';
import { FORMATS, type FormatName } from '../recipe/names.ts';
import type { Output, Recipe } from '../recipe/types.ts';
import { candidates } from './best.ts';
import { keptAsItIs } from './kept.ts';
import type { SourceImage } from './source-image.ts';

/** What an output is made of. */
export interface Share {
  readonly formats: readonly FormatName[];
  /** Frames in the one file that is made: several of an animation, else 1. */
  readonly frames: number;
  /** How many files are made, one of each page or frame. */
  readonly pages: number;
}

/** What this source gives an output. Throws RecipeMismatch where something would be lost that the recipe says must not be. */
export function shareOf(source: SourceImage, recipe: Recipe, output: Output): Share {
  const animated = source.frames > 1 && recipe.animated !== 'first';
  const formats = candidates(output, source, animated, recipe.operations);
  if (animated && formats.every((format) => FORMATS[format].animated)) {
    return { formats, frames: source.frames, pages: 1 };
  }
  const found = foundIn(source);
  const one = { formats, frames: 1, pages: 1 };
  if (found === 1 || keptAsItIs(source, recipe, output) !== undefined) return one;
  if (source.framed && recipe.animated === 'first') return one;
  if (recipe.animated === 'fail' && (source.framed || recipe.pages !== 'all')) {
    throw lost(output, found, 'frames', 'a format that holds animations, as "animated" is "fail"', formats.join(', '));
  }
  if (recipe.pages === 'fail') {
    const what = source.framed ? 'frames' : 'pages';
    throw lost(output, found, what, `a source of one page, as "pages" is "fail"`, `${found} ${what}`);
  }
  if (recipe.pages === 'all' && source.framed && source.frames === 1) {
    // An image sequence of AVIF or HEIC: nothing here reads its other frames.
    throw lost(output, found, 'frames', '"pages" other than "all", as only the first is read', '"all"');
  }
  return recipe.pages === 'all' ? { ...one, pages: found } : one;
}

/** Pages, pictures or frames in the source's file. */
export function foundIn({ found, decoded }: SourceImage): number {
  return decoded?.pages ?? found;
}

/** Whether all frames of an animation are needed: some output may hold them, or each becomes one of its own. */
export function wantsFrames(recipe: Recipe): boolean {
  if (recipe.animated === 'first') return false;
  const holds = (format: FormatName | 'same'): boolean => format !== 'same' && FORMATS[format].animated;
  return recipe.pages === 'all' || recipe.outputs.some(({ formats }) => formats.some(holds));
}

function lost({ name }: Output, found: number, what: string, expected: string, met: string): FanoutError {
  return new FanoutError(
    'RecipeMismatch',
    `output "${name}" would lose ${found - 1} of ${found} ${what}: expected ${expected}, got ${met}`,
    { expected, met },
  );
}

/** Checks that so many pages may be made. Throws TooManyFrames. */
export function checkCount(pages: number, limits: Limits): void {
  if (pages <= limits.frames) return;
  const expected = `at most ${limits.frames} pages (limits.frames)`;
  throw new FanoutError('TooManyFrames', `${pages} pages, expected ${expected}`, { expected, met: `${pages} pages` });
}

/** Checks what all pages have together. Throws TooManyPixels. */
export function checkSum(pixels: number, pages: number, limits: Limits): void {
  if (pixels <= limits.pixels) return;
  const expected = `at most ${limits.pixels} pixels (limits.pixels)`;
  const met = `${pixels} pixels in the first ${pages} pages`;
  throw new FanoutError('TooManyPixels', `${met}, expected ${expected}`, { expected, met });
}
