// Thumbnails for a run's page, by the image room itself: what it reads, they show.
import { limitsSchema } from '../../lambda/contract/limits.ts';
import { createTransform } from '../../lambda/image/transform.ts';
import { resolveRecipe } from '../../lambda/recipe/recipe.ts';
import type { PictureTools, Thumbnail } from '../../lambda/report/page/pictures.ts';
import type { OpenStore } from '../../lambda/store/store.ts';

const RECIPE = {
  resize: { width: 480, height: 480, fit: 'inside', withoutEnlargement: true },
  animated: 'first',
  outputs: [{ name: 'thumbnail', key: '{name}.{format}', format: 'webp', webp: { quality: 70, effort: 2 } }],
} as const;

const MILLISECONDS = 5000;

/** Makes the function. What is damaged is worked on in a process of its own. */
export function createThumbnail(): Thumbnail {
  const recipe = resolveRecipe(RECIPE);
  const limits = limitsSchema.parse({ milliseconds: MILLISECONDS });
  const [here, apart] = [createTransform(), createTransform({ isolate: true })];
  return async ({ body, key, salvage, signal }) => {
    const transform = salvage ? apart : here;
    const { renditions } = await transform({ body, key, recipe: { ...recipe, salvage }, limits, signal });
    const [made] = renditions;
    if (made === undefined) throw new RangeError('expected one thumbnail, got none');
    return made.body;
  };
}

/** The share of a run's time that pictures may take, so that with the rest of the page it stays below 2 %. */
const SHARE = 0.01;
/**
 * Milliseconds: a shorter time is over with the first thumbnails of large photos. What is small enough as it is, is shown all the
 * same, and `report RUN --open` makes the rest.
 */
const LEAST = 100;

/** What the page of a run of this machine is made with, by how long it took in milliseconds. */
export function pictureTools(open: OpenStore, milliseconds: number): PictureTools {
  const share = milliseconds * SHARE;
  return share < LEAST ? { open, milliseconds: LEAST } : { open, thumbnail: createThumbnail(), milliseconds: share };
}
