// The recipe's contract: what a job may say about its outputs, and what that comes to. The image Lambda reads lambda/recipe/ instead, without zod.
import * as z from 'zod';
import { readRecipe } from './resolve.ts';
import { recipeUnion } from './schema.ts';

export { recipeFingerprint } from './fingerprint.ts';
export { PRESET_NAMES, type PresetName } from './names.ts';
export { PRESETS } from './presets.ts';
export { resolveRecipe, writtenWhole } from './resolve.ts';
export type { RecipeObject } from './schema.ts';
export type { Output, Recipe } from './types.ts';

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

/** A recipe as a person writes it. */
export type RecipeInput = DeepReadonly<z.input<typeof recipeUnion>>;

/** The JSON Schema of a recipe, for editors. */
export function recipeJsonSchema(): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(recipeUnion, { io: 'input', unrepresentable: 'any' });
  return schema;
}

/**
 * A preset's name or a recipe, checked whole but left as written: `resolveRecipe` makes the recipe of it. Its issues
 * are sentences of their own (`expected …, got …`), which zod's would not be for a choice of a name or an object.
 */
export const recipeInputSchema = z
  .unknown()
  .superRefine((input, context) => {
    const read = readRecipe(input);
    if ('recipe' in read) return;
    for (const { path, message } of read.problems) context.addIssue({ code: 'custom', path: [...path], message });
  })
  .meta(recipeJsonSchema()) as unknown as z.ZodType<RecipeInput, RecipeInput>;
