// The real images beside the repository, and the image room with everything filled in: what the image tests start from.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Limits, limitsSchema } from '../../../lambda/contract/limits.ts';
import { type Transformed, type TransformInput, transform } from '../../../lambda/image/transform.ts';
import { type RecipeInput, resolveRecipe } from '../../../lambda/recipe/recipe.ts';

const FOLDER = new URL('../../../../shared/images/', import.meta.url);

/** Whether the images are there. A clone of the repository lacks them, and its tests of them are skipped; CI may not. */
export const haveImages = existsSync(FOLDER);

if (!haveImages) {
  if (process.env['CI'] !== undefined) throw new Error(`The test images are missing: ${fileURLToPath(FOLDER)}`);
  console.warn(`Skipping tests of real images: ${fileURLToPath(FOLDER)} is not there.`);
}

/** The bytes of one of the images. */
export function image(name: string): Buffer {
  return readFileSync(new URL(name.split('/').map(encodeURIComponent).join('/'), FOLDER));
}

/** Rows of the images' manifest, by column name. */
export function manifestRows(): Record<string, string>[] {
  const [head = '', ...lines] = readFileSync(new URL('manifest.tsv', FOLDER), 'utf8').trim().split('\n');
  const columns = head.split('\t');
  return lines.map((line) => Object.fromEntries(line.split('\t').map((value, place) => [columns[place] ?? '', value])));
}

/** Transforms with the default limits but for those given. */
export function make(
  body: Buffer,
  recipe: RecipeInput,
  limits: Partial<Limits> = {},
  more: Partial<TransformInput> = {},
): Promise<Transformed> {
  return transform({
    body,
    key: 'photo.jpg',
    recipe: resolveRecipe(recipe),
    limits: { ...limitsSchema.parse({}), ...limits },
    ...more,
  });
}

/** The one rendition of a recipe with one output. */
export async function makeOne(
  body: Buffer,
  recipe: RecipeInput,
  limits: Partial<Limits> = {},
  more: Partial<TransformInput> = {},
) {
  const { renditions } = await make(body, recipe, limits, more);
  const [only] = renditions;
  if (only === undefined) throw new Error('no rendition');
  return only;
}
