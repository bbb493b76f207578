// The fingerprint: equal work has an equal one, whoever spells it and in whatever order; all else has another.
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson, fingerprint, fingerprinter } from '../../../lambda/contract/fingerprint.ts';

const work = fc.record({
  etag: fc.string({ unit: 'grapheme' }),
  recipe: fc.jsonValue(),
  encoder: fc.string(),
  inputs: fc.array(fc.string()),
});

it('is the SHA-256 of the canonical JSON of the whole work', () => {
  fc.assert(
    fc.property(work, (whole) => {
      const digest = createHash('sha256').update(canonicalJson(whole)).digest('hex').slice(0, 32);
      expect(fingerprint(whole)).toBe(digest);
      expect(fingerprinter(whole)(whole.etag)).toBe(digest);
    }),
  );
});

it('stays what it was: outputs of earlier versions of this program are still up to date', () => {
  const known = { etag: '"a"', recipe: { width: 3, b: [1, { d: 2, c: null }] }, encoder: 'sharp 1', inputs: ['x'] };
  expect(canonicalJson(known)).toBe(
    '{"encoder":"sharp 1","etag":"\\"a\\"","inputs":["x"],"recipe":{"b":[1,{"c":null,"d":2}],"width":3}}',
  );
});
