// The canonical text of a recipe: what decides whether outputs of an earlier run are still right. No zod here.
import { createHash } from 'node:crypto';
import { canonicalJson } from '../contract/fingerprint.ts';
import type { Recipe } from './types.ts';

/** SHA-256 in hex of the recipe with its fields in one order, so that two spellings of one recipe are the same. */
export function recipeFingerprint(recipe: Recipe): string {
  return createHash('sha256').update(canonicalJson(recipe)).digest('hex');
}
