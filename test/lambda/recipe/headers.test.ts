// What S3 cannot hold beside an object is told by the recipe's check, not by each key's failure.
import { describe, expect, test } from 'vitest';
import { headerText } from '../../../lambda/contract/header-text.ts';
import { MOST_USER_METADATA_BYTES } from '../../../lambda/recipe/headers.ts';
import { recipeInputSchema } from '../../../lambda/recipe/recipe.ts';
import { OWN_METADATA_BYTES, provenanceMetadata } from '../../../lambda/store/provenance.ts';

const problemsOf = (fields: object) =>
  recipeInputSchema.safeParse({ format: 'webp', ...fields }).error?.issues.map(({ message }) => message) ?? [];

describe('the recipe', () => {
  test.each<[string, object]>([
    ['text of any script', { userMetadata: { title: 'Grüße aus 東京 🗼', by: 'Jörg' } }],
    ['as much metadata as there is room for', { userMetadata: { a: 'x'.repeat(MOST_USER_METADATA_BYTES - 1) } }],
    ['tags of any script', { tags: { Größe: 'groß + klein = 1/2', 'team:photos': 'a@b.c' } }],
    ['a header', { cacheControl: 'public, max-age=31536000, immutable' }],
  ])('takes %s', (_what, fields) => {
    expect(problemsOf(fields)).toEqual([]);
  });

  test.each<[string, object, RegExp]>([
    ['an ampersand in a tag', { tags: { a: 'b&c' } }, /letters, digits, spaces/],
    ["an ampersand in a tag's name", { tags: { 'a&b': 'c' } }, /letters, digits, spaces/],
    ['a tag of AWS', { tags: { 'aws:x': 'y' } }, /does not start with aws:/],
    ['eleven tags', { tags: Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`t${at}`, 'x'])) }, /at most 10/],
    ['a line end in metadata', { userMetadata: { a: 'b\r\nx-amz-acl: public-read' } }, /without line ends/],
    ['spaces that HTTP drops', { userMetadata: { a: ' b ' } }, /without spaces at its ends/],
    ['too much metadata', { userMetadata: { a: 'x'.repeat(MOST_USER_METADATA_BYTES) } }, /at most 480 bytes/],
    ['metadata that is too much once encoded', { userMetadata: { a: '東'.repeat(110) } }, /at most 480 bytes/],
    ['a header that is not ASCII', { cacheControl: 'öffentlich' }, /visible ASCII/],
    ['a header with a line end', { manifest: { key: '{name}.json', cacheControl: 'a\nb' } }, /visible ASCII/],
  ])('refuses %s', (_what, fields, message) => {
    expect(problemsOf(fields).join('\n')).toMatch(message);
  });

  test('and our own provenance share the 2 KB of S3', () => {
    expect(OWN_METADATA_BYTES + MOST_USER_METADATA_BYTES).toBeLessThanOrEqual(2048);
    const long = (letter: string) => `${letter.repeat(900)}ü`;
    const own = provenanceMetadata(
      {
        ...{ source: `s3://b/${long('s')}`, fingerprint: 'f'.repeat(32), run: 'r'.repeat(80) },
        ...{ mark: long('m'), outputs: Array.from({ length: 13 }, (_, at) => `${long('o')}${at}`) },
      },
      'x',
    );
    const bytes = Object.entries(own).reduce((sum, [name, value]) => sum + name.length + headerText(value).length, 0);
    expect(bytes).toBeLessThanOrEqual(OWN_METADATA_BYTES);
  });
});
