// The normal form of provenance: ASCII, short, and never the same for two sources.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFrom, normalizeSource, provenanceMetadata, provenanceOf } from '../../../lambda/store/provenance.ts';

describe('normalizeSource', () => {
  it.each([
    ['s3://b/a.jpg', 's3://b/a.jpg'],
    ['s3://b/a b.jpg', 's3://b/a%20b.jpg'],
    ['s3://b/a%20b.jpg', 's3://b/a%2520b.jpg'],
    ['s3://b/é\n', 's3://b/%C3%A9%0A'],
  ])('of %j is %j', (uri, expected) => {
    expect(normalizeSource(uri)).toBe(expected);
  });

  it('of a long URI is its digest', () => {
    expect(normalizeSource(`s3://b/${'x'.repeat(1000)}`)).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('is short visible ASCII and tells sources apart', () => {
    const uri = fc.string({ unit: 'binary', maxLength: 1200 });
    fc.assert(
      fc.property(uri, uri, (one, other) => {
        expect(normalizeSource(one)).toMatch(/^[\x21-\x7e]{0,1000}$/);
        expect(normalizeSource(one) === normalizeSource(other)).toBe(one === other);
      }),
    );
  });
});

describe('provenance', () => {
  const provenance = { source: 's3://b/ü', fingerprint: 'f', run: 'r' };

  it('comes back from metadata in its normal form', () => {
    const found = provenanceOf(provenanceMetadata(provenance, 'out/a.webp'), 'out/a.webp');
    expect(found).toEqual({ ...provenance, source: 's3://b/%C3%BC' });
    expect(found !== undefined && isFrom(found, 's3://b/ü')).toBe(true);
  });

  it.each([undefined, {}, { 'image-fanout-source': 's' }])('is not found in %j', (metadata) => {
    expect(provenanceOf(metadata, 'a')).toBeUndefined();
  });
});
