// Recipes: what is read, what is refused and how, and what presets and shorthands come to.
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseJob } from '../../../lambda/job/job.ts';
import { ENCODERS } from '../../../lambda/recipe/encoders.ts';
import { staticOutputKeys } from '../../../lambda/recipe/keys.ts';
import { OPERATIONS } from '../../../lambda/recipe/operations.ts';
import {
  PRESET_NAMES,
  recipeFingerprint,
  recipeInputSchema,
  recipeJsonSchema,
  resolveRecipe,
} from '../../../lambda/recipe/recipe.ts';

function problems(input: unknown): string {
  try {
    resolveRecipe(input);
  } catch (error) {
    expect(error).toMatchObject({ name: 'InvalidJob' });
    return (error as Error).message;
  }
  return '';
}

describe('resolveRecipe', () => {
  it('makes one output of a recipe without outputs', () => {
    const recipe = resolveRecipe({ resize: { width: 800 }, format: 'webp', webp: { quality: 70 } });
    expect(recipe.operations).toEqual({ autoOrient: true, resize: { width: 800 } });
    expect(recipe.outputs).toEqual([
      {
        name: 'image',
        key: '{dir}{name}.{format}',
        operations: {},
        formats: ['webp'],
        encoders: { webp: { quality: 70 } },
        metadata: 'strip',
        copyright: false,
        keepLossless: false,
        onLarger: 'keep',
      },
    ]);
  });

  it('takes fields beside the outputs as the default of each, and operations there as shared', () => {
    const recipe = resolveRecipe({
      format: 'jpeg',
      jpeg: { quality: 60, mozjpeg: true },
      trim: {},
      outputs: [
        { name: 'a', jpeg: { quality: 90 } },
        { name: 'b', format: 'webp', negate: {} },
      ],
    });
    expect(recipe.operations).toEqual({ autoOrient: true, trim: {} });
    expect(recipe.outputs.map(({ operations, formats, encoders }) => [operations, formats, encoders])).toEqual([
      [{}, ['jpeg'], { jpeg: { quality: 90, mozjpeg: true } }],
      [{ negate: {} }, ['webp'], {}],
    ]);
  });

  it('makes an output of each width, never enlarged', () => {
    const recipe = resolveRecipe({
      format: 'webp',
      widths: [100, 200],
      outputs: [{ name: 'w' }, { name: 'own', resize: { width: 7 } }],
    });
    expect(recipe.outputs.map(({ name, operations }) => [name, operations.resize])).toEqual([
      ['w-100', { withoutEnlargement: true, width: 100 }],
      ['w-200', { withoutEnlargement: true, width: 200 }],
      ['own', { width: 7 }],
    ]);
  });

  it.for(PRESET_NAMES)('preset %s can be used, and extended field by field', (preset) => {
    const plain = resolveRecipe(preset);
    const extended = resolveRecipe({ extends: preset, metadata: 'keep', cacheControl: 'max-age=1' });
    expect(extended.outputs.map(({ name }) => name)).toEqual(plain.outputs.map(({ name }) => name));
    expect(
      extended.outputs.every(({ metadata, cacheControl }) => metadata === 'keep' && cacheControl === 'max-age=1'),
    ).toBe(true);
  });

  it.for(PRESET_NAMES)("preset %s has keys that differ and start with the source's folder", (preset) => {
    const keys = staticOutputKeys(resolveRecipe(preset), 'a/b/photo.jpg').map(({ key }) => key);
    const known = keys.filter((key) => key !== undefined);
    expect(new Set(known).size).toBe(known.length);
    expect(known.every((key) => key.startsWith('a/b/photo'))).toBe(true);
  });

  it("merges, adds and leaves out a preset's outputs", () => {
    const recipe = resolveRecipe({
      extends: 'web',
      without: ['avif'],
      widths: [50],
      webp: { effort: 6 },
      outputs: [
        { name: 'jpeg', sharpen: {} },
        { name: 'cover', format: 'jpeg', resize: { width: 9, height: 9 }, key: '{dir}{name}/cover.jpg' },
      ],
    });
    expect(recipe.outputs.map(({ name }) => name)).toEqual(['webp-50', 'jpeg-50', 'cover']);
    expect(recipe.outputs[0]?.encoders).toEqual({ webp: { quality: 75, effort: 6 } });
    expect(recipe.outputs[1]?.operations).toMatchObject({ sharpen: {}, resize: { width: 50 } });
  });

  it.for([
    ['wob', /presets thumbnail, web, social, archive.*got "wob"/],
    [7, /got 7/],
    [{ reisze: {} }, /recipe: unknown field: got "reisze", expected one of .*resize.*; did you mean resize\?/],
    [{ resize: { widht: 3, width: 3 } }, /recipe\.resize: unknown option: got "widht", expected one of width/],
    [{ resize: {} }, /recipe\.resize: expected width, height or both, got neither/],
    [{ format: 'bmp' }, /recipe\.format: expected one of .*"jpeg".*got "bmp"/],
    [{ jpeg: { quality: 0 } }, /recipe\.jpeg\.quality: .*got 0/],
    [{ outputs: [{ name: 'a', key: '{nmae}' }] }, /recipe\.outputs\[0\]\.key: unknown placeholder \{nmae\}/],
    [
      {
        outputs: [
          { name: 'a', format: 'png' },
          { name: 'a', format: 'jpeg' },
        ],
      },
      /names of their own, got "a" twice/,
    ],
    [{ key: '{name}.x', outputs: [{ name: 'a' }, { name: 'b' }] }, /"a" and "b" could .*\{output\}/],
    [{ format: 'png', best: ['png', 'webp'] }, /one of format and best, got both/],
    [{ extends: 'web', without: ['bmp'] }, /names of the preset's outputs \(avif, webp, jpeg\), got "bmp"/],
    [{ extends: 'thumbnail', without: ['thumbnail'] }, /at least one output, got none/],
    [{ tint: { tint: 'reddish' } }, /expected a colour: .*got "reddish"/],
    [{ composite: [{ scale: 0.5 }] }, /one of image and text/],
    [
      { manifest: { key: '{dir}{name}.json' }, outputs: [{ name: 'manifest', format: 'png' }] },
      /another name beside a manifest/,
    ],
    [{ userMetadata: { 'image-fanout-source': 'x' } }, /not starting with image-fanout-/],
  ] as const)('%j is refused: %s', ([input, message]) => {
    expect(problems(input)).toMatch(message);
  });

  it('lists all problems at once', () => {
    expect(problems({ resize: { widht: 1 }, format: 'bmp', tint: { tint: 4 } }).split('\n')).toHaveLength(5);
  });
});

describe('in a job', () => {
  it('is checked whole, with its place in the job', () => {
    expect(() => parseJob({ recipe: { outputs: [{ name: 'a', resize: { width: 0 } }] } })).toThrow(
      /recipe\.outputs\[0\]\.resize\.width/,
    );
    expect(parseJob({ recipe: { format: 'webp' } }).recipe).toEqual({ format: 'webp' });
  });

  it('has a JSON Schema that names operations, options and presets', () => {
    const text = JSON.stringify(recipeJsonSchema());
    for (const word of ['"thumbnail"', '"withoutEnlargement"', '"mozjpeg"', '"composite"'])
      expect(text).toContain(word);
    expect(JSON.stringify(z.toJSONSchema(z.object({ recipe: recipeInputSchema }), { io: 'input' }))).toContain(
      '"mozjpeg"',
    );
  });
});

describe('recipeFingerprint', () => {
  it('is one for two spellings of one recipe, and another for another', () => {
    const a = resolveRecipe({ format: 'webp', resize: { width: 5, height: 6 } });
    const b = resolveRecipe({ resize: { height: 6, width: 5 }, format: 'webp', salvage: false });
    expect(recipeFingerprint(b)).toBe(recipeFingerprint(a));
    expect(recipeFingerprint(resolveRecipe({ format: 'webp', resize: { width: 5, height: 7 } }))).not.toBe(
      recipeFingerprint(a),
    );
    expect(recipeFingerprint(JSON.parse(JSON.stringify(a)))).toBe(recipeFingerprint(a));
  });
});

describe('pages', () => {
  it('of all need {page} in every key, and none in the manifest; default keys have it', () => {
    expect(resolveRecipe({ pages: 'all', format: 'png' }).outputs[0]?.key).toBe('{dir}{name}-{page}.{format}');
    const two = resolveRecipe({ pages: 'all', outputs: [{ name: 'a' }, { name: 'b' }] });
    expect(two.outputs[1]?.key).toBe('{dir}{name}-{output}-{page}.{format}');
    expect(() => resolveRecipe({ extends: 'web', pages: 'all' })).toThrow(/recipe\.key: expected \{page\} in the key/);
    const manifest = { key: '{dir}{name}-{page}.json' };
    expect(() => resolveRecipe({ pages: 'all', manifest })).toThrow(/recipe\.manifest\.key: expected no \{page\}/);
    // Two outputs of which one's page could be the other's number.
    const outputs = [
      { name: 'a', key: '{name}{page}' },
      { name: 'b', key: '{name}1{page}' },
    ];
    expect(() => resolveRecipe({ pages: 'all', outputs })).toThrow(/cannot meet at one key/);
  });

  it('and density change nothing of a recipe that says what is the default', () => {
    expect(resolveRecipe({ format: 'png', pages: 'first', density: 150 })).toEqual(resolveRecipe({ format: 'png' }));
  });
});

describe('a value of another shape is told the shape, with an example that is right', () => {
  const flags = new Set(['autoOrient', 'flip', 'flop', 'greyscale', 'unflatten']);
  const fields = [...Object.keys(OPERATIONS).filter((name) => !flags.has(name)), ...Object.keys(ENCODERS)];
  it.each(fields)('%s', (field) => {
    const met = problems({ [field]: 90 });
    const [, example = ''] =
      new RegExp(`recipe\\.${field}: expected (?:an object|a list) such as (.*), got 90$`, 'm').exec(met) ?? [];
    expect(met).toMatch(/such as/);
    const format = (Object.keys(ENCODERS) as string[]).includes(field) ? field : 'jpeg';
    expect(() => resolveRecipe({ format, [field]: JSON.parse(example) })).not.toThrow();
  });
});
