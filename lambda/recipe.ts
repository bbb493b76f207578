// The recipe: which outputs each image becomes. (Ground version; the image room grows it.)
import { z } from 'zod';

export const recipeInputSchema = z.union([z.string(), z.looseObject({})]);
export type RecipeInput = z.input<typeof recipeInputSchema>;

export interface Recipe {
  readonly outputs: readonly unknown[];
}
