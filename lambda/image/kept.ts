// Whether an output is the source's own file: what nobody writes, where an archive asks for it unchanged.
import { FORMATS, type FormatName } from '../recipe/names.ts';
import type { Output, Recipe } from '../recipe/types.ts';
import { formatName } from './header.ts';
import { namesOf } from './operations.ts';
import type { SourceImage } from './source-image.ts';

/** The source's own file, and what it is. */
export interface Kept {
  readonly format: string;
  readonly extension: string;
  readonly contentType: string;
  readonly file: Buffer;
}

/**
 * The source, when nobody writes all that is in it (HEIC, camera raw, a TIFF of several pages, …) and the output asks for
 * that very format with nothing changed, as an archive does: anything else would lose something of it, under a name that
 * says otherwise. Not so where the recipe asks for its pages, or for its first frame.
 */
export function keptAsItIs(source: SourceImage, recipe: Recipe, output: Output): Kept | undefined {
  const names = namesOf({ ...recipe.operations, ...output.operations }).filter((name) => name !== 'autoOrient');
  const free = output.maxBytes === undefined && output.minSsim === undefined;
  const asked = output.onLarger === 'original' && output.formats.every((format) => format === 'same');
  const kept = output.metadata === 'keep' && recipe.colour === 'keep' && names.length === 0;
  const { decoded, found, frames, framed, body } = source;
  const several = (decoded?.pages ?? found) > 1;
  const parted = several && (recipe.pages === 'all' || (framed && recipe.animated === 'first'));
  if (!asked || !kept || !free || parted) return undefined;
  if (decoded !== undefined) {
    const { format, contentType, file } = decoded;
    return { format, extension: format, contentType, file };
  }
  const format = formatName(source);
  // All frames of an animation go into what is made of it.
  if (found <= frames || !Object.hasOwn(FORMATS, format)) return undefined;
  const { extension, contentType } = FORMATS[format as FormatName];
  return { format, extension, contentType, file: body };
}
