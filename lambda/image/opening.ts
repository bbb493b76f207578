// How a source is opened for an output: what its decoder does while it reads, and what must be done before sharp's own order of things.
import type { Operations } from '../recipe/types.ts';
import { convertsFirst } from './colour.ts';
import type { ImageJob } from './job.ts';
import type { Opening } from './size.ts';
import type { SourceImage } from './source-image.ts';

/** What decides sizes besides the operations: which decoder shrinks, and whether the image lies on its side. */
export function openingOf({ source, recipe }: ImageJob, operations: Operations): Opening {
  const { metadata, format, frames } = source;
  const orientation = recipe.operations.autoOrient === false ? 1 : (metadata.orientation ?? 1);
  const shrinks = format === 'jpeg' || (format === 'webp' && frames === 1) ? format : undefined;
  const paints = coloursGrey(source, operations) || (operations.greyscale === true && bringsColour(operations));
  const first = convertsFirst(source, recipe.colour) || paints;
  return { shrinks: first ? undefined : shrinks, sideways: orientation >= 5, turns: orientation > 1 };
}

/**
 * Whether operations bring colour to a grey source. sharp gives a grey image only the luminance of a background, and no
 * tint at all: then it must be in colour before.
 */
export function coloursGrey({ metadata: { space } }: SourceImage, operations: Operations): boolean {
  return (space === 'b-w' || space === 'grey16') && bringsColour(operations);
}

/** Whether operations paint in a colour that is not grey. */
export function bringsColour(operations: Operations): boolean {
  const { tint, flatten, extend, rotate, resize } = operations;
  const backgrounds = [
    flatten?.background,
    (extend?.extendWith ?? 'background') === 'background' ? extend?.background : undefined,
    rotate !== undefined && rotate.angle % 90 !== 0 ? rotate.background : undefined,
    resize?.fit === 'contain' ? resize.background : undefined,
  ];
  return tint !== undefined || !backgrounds.every(isGrey);
}

type Colour = NonNullable<Operations['flatten']>['background'];

const GREY_NAMES = ['black', 'white', 'gray', 'grey', 'silver', 'transparent'];

/** Whether a colour is known to be grey; what is not understood is taken for a colour, which is right for grey ones, too. */
function isGrey(colour: Colour): boolean {
  if (colour === undefined) return true;
  if (typeof colour !== 'string') return colour.r === colour.g && colour.g === colour.b;
  const hex = /^#(?:([0-9a-f])\1{2}[0-9a-f]?|([0-9a-f]{2})\2{2}(?:[0-9a-f]{2})?)$/i;
  return GREY_NAMES.includes(colour.toLowerCase()) || hex.test(colour);
}
