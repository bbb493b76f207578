// The canonical text of a recipe: what decides whether outputs of an earlier run are still right. No zod here.
import { createHash } from 'node:crypto';
import type { Recipe } from './types.ts';

/** SHA-256 in hex of the recipe with its fields in one order, so that two spellings of one recipe are the same. */
export function recipeFingerprint(recipe: Recipe): string {
  return createHash('sha256').update(canonical(recipe)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}
