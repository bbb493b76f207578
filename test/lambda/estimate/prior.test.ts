// The guess of what an image costs: the right order, and more for more work.
import { expect, it } from 'vitest';
import { priorOf } from '../../../lambda/estimate/prior.ts';
import { resolveRecipe } from '../../../lambda/recipe/recipe.ts';

it('grows with the work', () => {
  const thumbnail = priorOf(resolveRecipe('thumbnail'));
  const web = priorOf(resolveRecipe('web'));
  expect(web.outputs).toBe(13);
  expect(thumbnail.outputs).toBe(1);
  expect(web.milliseconds).toBeGreaterThan(3 * thumbnail.milliseconds);
  expect(priorOf(resolveRecipe('archive'), 10_000_000).milliseconds).toBeGreaterThan(
    priorOf(resolveRecipe('archive'), 1_000_000).milliseconds,
  );
});

it('is within a factor of three of what the README tells of photos', () => {
  expect(priorOf(resolveRecipe('web')).milliseconds / 1500).toBeGreaterThan(1 / 3);
  expect(priorOf(resolveRecipe('web')).milliseconds / 1500).toBeLessThan(3);
  expect(priorOf(resolveRecipe('thumbnail')).milliseconds / 200).toBeGreaterThan(1 / 3);
  expect(priorOf(resolveRecipe('thumbnail')).milliseconds / 200).toBeLessThan(3);
});

it('counts each candidate, the search for a quality and the effort', () => {
  const of = (recipe: object) => priorOf(resolveRecipe(recipe as never)).milliseconds;
  const outputs = [{ name: 'a', key: '{name}.{format}' }];
  expect(of({ best: ['webp', 'avif'], outputs })).toBeGreaterThan(of({ format: 'avif', outputs }));
  expect(of({ format: 'avif', avif: { effort: 2 }, outputs })).toBeLessThan(of({ format: 'avif', outputs }));
  expect(of({ format: 'webp', maxBytes: 50_000, outputs })).toBeGreaterThan(of({ format: 'webp', outputs }));
});
