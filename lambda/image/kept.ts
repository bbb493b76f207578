// Whether an output is the source's own file: kinds that nobody writes, where an archive asks for them unchanged.
import type { Output, Recipe } from '../recipe/types.ts';
import { namesOf } from './operations.ts';
import type { DecodedFrom, SourceImage } from './source-image.ts';

/**
 * The source, when nobody writes its format (HEIC, camera raw, …) and the output asks for that very format with nothing
 * changed, as an archive does: anything else would lose something of it, under a name that says otherwise.
 */
export function keptAsItIs(source: SourceImage, recipe: Recipe, output: Output): DecodedFrom | undefined {
  const names = namesOf({ ...recipe.operations, ...output.operations }).filter((name) => name !== 'autoOrient');
  const free = output.maxBytes === undefined && output.minSsim === undefined;
  const asked = output.onLarger === 'original' && output.formats.every((format) => format === 'same');
  const kept = output.metadata === 'keep' && recipe.colour === 'keep' && names.length === 0;
  return asked && kept && free ? source.decoded : undefined;
}
