// Whose output keys are: the same answers as a map of strings gives, whatever the recipe.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { comparableKeys, staticOutputKeys } from '../../lambda/recipe/keys.ts';
import { resolveRecipe } from '../../lambda/recipe/recipe.ts';
import { createOwners } from '../../lib/cli/output-owners.ts';

const recipes = [
  ['alike', ['{dir}{name}-{output}.{format}', '{dir}{name}-{output}.{format}']],
  ['one that ends like another', ['{dir}{name}.webp', '{dir}{name}-b.webp']],
  ['with the extension', ['{dir}{name}.{ext}-{output}.webp', 'flat/{name}.jpg']],
] as const;

test.each(recipes)('two sources at one output key are found, one that is named twice is none: %s', (_, templates) => {
  const names = ['a', 'b'];
  const recipe = resolveRecipe({
    outputs: templates.map((key, place) => ({
      name: names[place] as string,
      key,
      format: 'webp',
      resize: { width: 8 },
    })),
  });
  const source = fc
    .tuple(fc.constantFrom('', 'd/', 'é/'), fc.constantFrom('x', 'x-b', 'y', 'y-a'), fc.constantFrom('jpg', 'png'))
    .map(([dir, name, ext]) => `${dir}${name}.${ext}`);
  fc.assert(
    fc.property(fc.array(source, { maxLength: 25 }), (sources) => {
      const owners = createOwners(comparableKeys(recipe).keysOf);
      const simple = new Map<string, string>();
      for (const one of sources) {
        const outputs = staticOutputKeys(recipe, one).map(({ key }) => key as string);
        const taken = outputs.some((output) => (simple.get(output) ?? one) !== one);
        if (!taken) for (const output of outputs) simple.set(output, one);
        const answer = owners.claim(one);
        expect(answer !== undefined, `${one} of ${sources}`).toBe(taken);
        if (answer !== undefined) expect(simple.get(answer.output)).toBe(answer.owner);
      }
    }),
    { numRuns: 300 },
  );
});

test('each of many sources keeps its own', () => {
  const owners = createOwners((source) => [`${source}.webp`]);
  for (let index = 0; index < 20_000; index += 1) expect(owners.claim(`in/${index}`)).toBeUndefined();
  for (let index = 0; index < 20_000; index += 1) expect(owners.claim(`in/${index}`)).toBeUndefined();
  expect(createOwners(() => ['same']).claim('a')).toBeUndefined();
});
