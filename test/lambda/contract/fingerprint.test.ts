// The fingerprint: equal work has an equal one, whoever spells it and in whatever order; all else has another.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson, changedParts, fingerprint, fingerprinter } from '../../../lambda/contract/fingerprint.ts';

const work = fc.record({
  etag: fc.string({ unit: 'grapheme' }),
  recipe: fc.jsonValue(),
  encoder: fc.string(),
  inputs: fc.array(fc.string()),
});

it('is equal for equal work, and tells which part of it differs', () => {
  fc.assert(
    fc.property(work, work, fc.subarray(['source', 'recipe', 'renderer'] as const), (one, other, kept) => {
      const mixed = {
        etag: kept.includes('source') ? one.etag : other.etag,
        recipe: kept.includes('recipe') ? one.recipe : other.recipe,
        inputs: kept.includes('recipe') ? one.inputs : other.inputs,
        encoder: kept.includes('renderer') ? one.encoder : other.encoder,
      };
      const differ = {
        source: one.etag !== mixed.etag,
        recipe: canonicalJson([one.recipe, one.inputs]) !== canonicalJson([mixed.recipe, mixed.inputs]),
        renderer: one.encoder !== mixed.encoder,
      };
      const [a, b] = [fingerprint(one), fingerprinter(mixed)(mixed.etag)];
      expect(a).toMatch(/^[\w-]{32}$/);
      expect(changedParts(a, b)).toEqual(Object.entries(differ).flatMap(([part, is]) => (is ? [part] : [])));
      expect(changedParts(a, 'stale')).toBeUndefined();
    }),
  );
});

it('takes equal works for equal, in whatever order they are spelt', () => {
  const known = { etag: '"a"', recipe: { width: 3, b: [1, { d: 2, c: null }] }, encoder: 'sharp 1', inputs: ['x'] };
  expect(canonicalJson(known)).toBe(
    '{"encoder":"sharp 1","etag":"\\"a\\"","inputs":["x"],"recipe":{"b":[1,{"c":null,"d":2}],"width":3}}',
  );
});
