// What commands on a recipe work with: the recipe that is named, and images of one's own with the watermarks that it asks for.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { limitsSchema } from '../../lambda/contract/limits.ts';
import { parseLocation, resolveReference } from '../../lambda/contract/location.ts';
import { overlayReferences } from '../../lambda/image/overlays.ts';
import type { TransformInput } from '../../lambda/image/transform.ts';
import type { Recipe } from '../../lambda/recipe/recipe.ts';
import { openStores } from '../../lambda/store/open.ts';
import { UsageError } from './command.ts';
import { readJson } from './job-options.ts';

/** A preset's name, or the recipe in a .json file. */
export async function readGiven(given: string): Promise<unknown> {
  return /\.json$/i.test(given) ? await readJson('recipe', given) : given;
}

/** An image as the image room takes it, but for the recipe. Its key is its file's name. */
export async function readImage(
  path: string,
  overlays: ReadonlyMap<string, Buffer>,
): Promise<Omit<TransformInput, 'recipe'>> {
  const body = await readFile(path).catch((error: Error) => {
    throw new UsageError(`IMAGE: ${error.message}`);
  });
  return { body, key: basename(path), overlays, limits: limitsSchema.parse({}) };
}

/** The watermarks of the recipes; `destination` is where those lie that are no s3:// references. */
export async function readOverlays(
  recipes: readonly Recipe[],
  destination: string,
): Promise<ReadonlyMap<string, Buffer>> {
  const below = parseLocation(destination);
  const overlays = new Map<string, Buffer>();
  const stores = openStores();
  try {
    for (const reference of new Set(recipes.flatMap(overlayReferences))) {
      const { bucket, key } = resolveReference(reference, below);
      overlays.set(reference, (await stores.open(bucket).read(key)).body);
    }
  } finally {
    await stores.close();
  }
  return overlays;
}
