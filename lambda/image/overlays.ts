// Which watermark images a recipe needs. No sharp here: the handler asks before it loads anything.
import type { Recipe } from '../recipe/types.ts';

/** The references of all watermark images, each once: what the handler loads and hands to `transform` under the same name. */
export function overlayReferences(recipe: Recipe): string[] {
  const all = [recipe.operations, ...recipe.outputs.map(({ operations }) => operations)].flatMap(
    ({ composite = [] }) => composite,
  );
  return [...new Set(all.flatMap(({ image }) => (image === undefined ? [] : [image])))];
}
