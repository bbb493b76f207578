// Sources that meet at one output key: found exactly, whatever the recipe and however little memory there is.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCollisionFinder } from '../../../lambda/plan/collisions.ts';
import { createPartitions } from '../../../lambda/plan/partitions.ts';
import { comparableKeys, staticOutputKeys } from '../../../lambda/recipe/keys.ts';
import { type Recipe, resolveRecipe } from '../../../lambda/recipe/recipe.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'image-fanout-collisions-'));
});
afterEach(() => {
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});

/** The same with all outputs of all sources in memory. */
function naive(recipe: Recipe, sources: readonly string[]) {
  const owners = new Map<string, string[]>();
  for (const source of sources) {
    for (const { key } of staticOutputKeys(recipe, source)) {
      if (key === undefined) continue;
      const known = owners.get(key) ?? [];
      owners.set(key, known.includes(source) ? known : [...known, source]);
    }
  }
  const met = [...owners.values()].filter((known) => known.length > 1);
  return { outputs: met.length, keys: new Set(met.flatMap((known) => known.slice(1))).size };
}

function find(recipe: Recipe, sources: readonly string[], mostBytes: number) {
  const finder = createCollisionFinder(comparableKeys(recipe), { directory, mostBytes });
  try {
    for (const source of sources) finder.add(source);
    return finder.find();
  } finally {
    finder.close();
  }
}

const recipeOf = (outputs: readonly object[]) => resolveRecipe({ outputs } as never);
const RECIPES: Readonly<Record<string, Recipe>> = {
  thumbnail: resolveRecipe('thumbnail'),
  web: resolveRecipe('web'),
  archive: resolveRecipe('archive'),
  'two templates': recipeOf([
    { name: 'a', key: '{dir}{name}-{output}.{format}', format: 'webp' },
    { name: 'b', key: 'all/{name}.{format}', format: 'jpeg' },
  ]),
  'one that ends another': recipeOf([
    { name: 'small', key: '{dir}{name}-s.{format}', format: 'webp' },
    { name: 'large', key: '{dir}{name}.{format}', format: 'webp' },
  ]),
  'without folders': recipeOf([{ name: 'flat', key: '{name}.{format}', format: 'webp' }]),
};

const part = fc.constantFrom('a', 'b', 'A', 'é', 'a-s', 'x y', '"', '\n', 'a\u2028');
const source = fc
  .tuple(fc.array(part, { maxLength: 2 }), part, fc.constantFrom('.jpg', '.png', '.PNG', '', '.tar.gz'))
  .map(([folders, name, extension]) => [...folders, name + extension].join('/'));

describe('collisions', () => {
  it.each(Object.entries(RECIPES))('are those that all outputs in memory tell: %s', (_, recipe) => {
    fc.assert(
      fc.property(fc.array(source, { maxLength: 60 }), fc.constantFrom(1, 64, 1 << 24), (sources, mostBytes) => {
        const { outputs, keys } = find(recipe, sources, mostBytes);
        const expected = naive(recipe, sources);
        expect(keys).toBe(expected.keys);
        // Where one key stands for all of a source's, so do the counted ones.
        const each = comparableKeys(recipe).keysOf('a').length === 1 ? staticOutputKeys(recipe, 'a').length : 1;
        expect(outputs * each).toBe(expected.outputs);
      }),
      { numRuns: 60 },
    );
  });

  it('compares one key of each source where the templates allow it, and all where they do not', () => {
    const count = (name: string) => comparableKeys(RECIPES[name] as Recipe).keysOf('a/b.jpg').length;
    expect(count('web')).toBe(1);
    expect(count('thumbnail')).toBe(1);
    expect(count('two templates')).toBe(2);
    expect(count('one that ends another')).toBe(2);
  });

  it('names output and sources, the first one first, and what was not compared', () => {
    const recipe = recipeOf([
      { name: 'a', key: '{dir}{name}.{format}', format: 'webp' },
      { name: 'b', key: '{dir}{name}-{hash}.{format}', format: 'webp' },
    ]);
    expect(find(recipe, ['x.png', 'x.jpg', 'x.png', 'y.png'], 1 << 24)).toEqual({
      outputs: 1,
      keys: 1,
      examples: [{ output: 'x.webp', sources: ['x.png', 'x.jpg'] }],
      unknownOutputs: 1,
    });
  });

  it('goes to the disk where there are many, and leaves nothing there', () => {
    const sources = Array.from(
      { length: 200_000 },
      (_, at) => `a/folder/of/photos/${at % 7}/${at % 150_000}.${at < 150_000 ? 'jpg' : 'png'}`,
    );
    const finder = createCollisionFinder(comparableKeys(resolveRecipe('web')), { directory, mostBytes: 20_000 });
    for (const each of sources) finder.add(each);
    expect(readdirSync(directory).length).toBeGreaterThan(0);
    const seen = new Set(sources.slice(0, 150_000).map((each) => each.replace(/\..*/, '')));
    const met = sources.slice(150_000).filter((each) => seen.has(each.replace(/\..*/, ''))).length;
    expect(finder.find().keys).toBe(met);
    finder.close();
  });
});

describe('partitions', () => {
  it('give back every line once, those of one name together and in order', () => {
    const lines = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'dd'), fc.string({ maxLength: 20 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(lines, fc.constantFrom(1, 100, 1 << 20), (pairs, mostBytes) => {
        const nameOf = (line: string) => (JSON.parse(line) as string[])[0] ?? '';
        const partitions = createPartitions({ nameOf, directory, mostBytes });
        for (const pair of pairs) partitions.add(pair[0], JSON.stringify(pair));
        const parts = [...partitions.parts()].map((part) => part.map((line) => JSON.parse(line) as [string, string]));
        partitions.close();
        expect(parts.flat()).toHaveLength(pairs.length);
        for (const name of ['a', 'b', 'c', 'dd']) {
          const holders = parts.filter((one) => one.some(([of]) => of === name));
          expect(holders.length).toBeLessThanOrEqual(1);
          expect(holders.flat().filter(([of]) => of === name)).toEqual(pairs.filter(([of]) => of === name));
        }
      }),
      { numRuns: 100 },
    );
    expect(existsSync(directory)).toBe(true);
  });
});
