// Output keys: what templates become, what is refused, and which outputs could meet.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  expandKey,
  keyTemplateProblem,
  outputsThatMeet,
  PLACEHOLDERS,
  staticOutputKeys,
} from '../../../lambda/recipe/keys.ts';
import { FORMATS, type FormatName } from '../../../lambda/recipe/names.ts';
import { resolveRecipe } from '../../../lambda/recipe/recipe.ts';

const FACTS = { output: 'small', page: 3, width: 320, height: 213, format: 'webp', body: Buffer.from('bytes') };

describe('expandKey', () => {
  it.for([
    ['{dir}{name}-{output}.{format}', 'a/b/photo.JPG', 'a/b/photo-small.webp'],
    ['{dir}{name}.{ext}.{format}', 'photo.tar.GZ', 'photo.tar.gz.webp'],
    ['{output}/{dir}{name}/{width}x{height}.{format}', 'a/photo.jpg', 'small/a/photo/320x213.webp'],
    ['{dir}{name}.{format}', 'a/.hidden', 'a/.hidden.webp'],
    ['{dir}{name}.{format}', 'a/no extension', 'a/no extension.webp'],
    ['{dir}{name}-{page}.{format}', 'x.tif', 'x-3.webp'],
    ['{hash}', 'x.jpg', '277089d91c0bdf4f'],
    ['{dir}{name}.{format}', 'ö/ü {name}$&.jpg', 'ö/ü {name}$&.webp'],
  ] as const)('%s of %s is %s', ([template, source, key]) => {
    expect(expandKey(template, { ...FACTS, source })).toBe(key);
  });

  it.for([
    ['{dir}{name}.{format}', '../photo.jpg'],
    ['{dir}{name}.{format}', '/photo.jpg'],
    ['{name}/x.{format}', '...jpg'],
    ['{dir}{name}', '.image-fanout/index.jpg'],
    ['{dir}{name}.{format}', `${'ü'.repeat(600)}.jpg`],
    ['{dir}', 'a/photo.jpg'],
    ['{dir}', 'photo.jpg'],
  ] as const)('%s of %s is refused', ([template, source]) => {
    expect(() => expandKey(template, { ...FACTS, source })).toThrow(expect.objectContaining({ name: 'UnsafeKey' }));
  });
});

describe('templates', () => {
  it.for([
    '',
    '/{name}',
    '{name}/',
    '../{name}',
    'a/./{name}',
    '{nmae}.jpg',
    '{name',
    'name}',
    '{output}.jpg',
    'a\\{name}',
    '{name}\n',
  ])('%j is refused with a reason', (template) => {
    expect(keyTemplateProblem(template)).toMatch(/got /);
  });

  it('an unknown placeholder is told which there are', () => {
    for (const name of Object.keys(PLACEHOLDERS)) expect(keyTemplateProblem('{nmae}')).toContain(`{${name}}`);
  });
});

describe('staticOutputKeys', () => {
  it('knows what the recipe says, and not what only the image knows', () => {
    const recipe = resolveRecipe({
      outputs: [
        { name: 'sized', format: 'jpeg', resize: { width: 5 }, key: '{name}-{width}.{format}' },
        { name: 'free', format: 'jpeg', key: '{name}-{width}.free' },
        { name: 'same', key: '{name}-{output}.{format}' },
        { name: 'best', best: ['webp', 'avif'], key: '{name}-{output}.{format}' },
        { name: 'hashed', format: 'png', key: '{name}-{hash}.png' },
      ],
      manifest: { key: '{dir}{name}.{format}' },
    });
    expect(staticOutputKeys(recipe, 'a/b.jpg')).toEqual([
      { name: 'sized', key: 'b-5.jpg' },
      { name: 'free', key: undefined },
      { name: 'same', key: undefined },
      { name: 'best', key: undefined },
      { name: 'hashed', key: undefined },
      { name: 'manifest', key: 'a/b.json' },
    ]);
  });
});

describe('outputs that could meet', () => {
  const meet = (
    a: string,
    b: string,
    formats: [FormatName | 'same', FormatName | 'same'] = ['jpeg', 'webp'],
  ): boolean => {
    const [first, second] = formats;
    const outputs = [
      { name: 'a', key: a, formats: [first] },
      { name: 'b', key: b, formats: [second] },
    ];
    const plain = resolveRecipe({ format: 'png' });
    const [output] = plain.outputs;
    if (output === undefined) throw new Error('no output');
    return outputsThatMeet({ ...plain, outputs: outputs.map((own) => ({ ...output, ...own })) }).length > 0;
  };

  it.for([
    ['{name}.{format}', '{name}.{format}', false],
    ['{name}.jpg', '{name}.{format}', false],
    ['{name}.webp', '{name}.{format}', true],
    ['{name}-{output}.x', '{name}-{output}.x', false],
    ['{dir}{name}.x', '{name}.x', true],
    ['{dir}{name}.{ext}', '{dir}{name}.jpg', true],
    ['{name}{width}1.x', '{name}{width}.x', true],
    ['{name}-{width}.x', '{name}-{height}.x', true],
    ['{name}-{hash}.x', '{name}-{hash}.x', true],
    ['a{name}', '{name}a', true],
    ['{name}-a', '{name}-b', false],
    ['{output}/{dir}{name}', '{dir}{name}', false],
    ['{dir}{name}/1.x', '{dir}{name}/2.x', false],
  ] as const)('%s and %s: %s', ([a, b, expected]) => {
    expect(meet(a, b)).toBe(expected);
  });

  it('never says no of two that do meet', () => {
    const piece = fc.constantFrom(
      '{dir}',
      '{name}',
      '{ext}',
      '{width}',
      '{hash}',
      '{format}',
      '{output}',
      'a',
      '1',
      '-',
      '.',
      '/',
      'jpg',
    );
    const template = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
    const size = fc.integer({ min: 1, max: 12 });
    const sources = fc.constantFrom('a.jpg', 'a/1.jpg', '1-a/a.jpg', 'jpg', 'a.a', 'jpg.jpg', 'b/a.a.1');
    fc.assert(
      fc.property(template, template, sources, size, size, (a, b, source, first, second) => {
        const expand = (key: string, output: string, width: number, format: FormatName): string | undefined => {
          try {
            return expandKey(key, {
              source,
              output,
              page: 1,
              width,
              height: width,
              format: FORMATS[format].extension,
              body: Buffer.from('x'),
            });
          } catch {
            return undefined;
          }
        };
        const [left, right] = [expand(a, 'a', first, 'jpeg'), expand(b, 'b', second, 'webp')];
        fc.pre(left !== undefined && left === right);
        expect(meet(a, b)).toBe(true);
      }),
      { numRuns: 200, maxSkipsPerRun: 10_000 },
    );
  });
});
