// Jobs are read once, and every problem of a bad one is named.
import { describe, expect, test } from 'vitest';
import { limitsSchema } from '../../../lambda/contract/limits.ts';
import { ALL_ITEMS, jobJsonSchema, jobSchema, parseJob } from '../../../lambda/job/job.ts';

const problemsOf = (input: unknown): string[] => {
  try {
    parseJob(input);
  } catch (error) {
    expect(error).toMatchObject({ name: 'InvalidJob' });
    return (error as Error).message.split('\n  ').slice(1);
  }
  return [];
};

describe('parseJob', () => {
  test('takes an empty job: every field has a default or is filled in by whoever starts it', () => {
    expect(parseJob({})).toMatchObject({
      recipe: 'web',
      existing: 'skip',
      itemsPerInvocation: 1,
      exclude: [],
      allowEmpty: false,
      limits: { pixels: 268402689, frames: 1000, milliseconds: 60000 },
    });
  });

  test('reads places and lone globs', () => {
    expect(parseJob({ source: 's3://photos/2024', destination: 's3://thumbs/', include: '*.jpg' })).toMatchObject({
      source: { bucket: 'photos', prefix: '2024/' },
      destination: { bucket: 'thumbs', prefix: '' },
      include: ['*.jpg'],
    });
  });

  test.each<[string, unknown, string[]]>([
    ['a list', [], ['the document: expected an object, got []']],
    ['nothing', null, ['the document: expected an object, got null']],
    [
      'a misspelt field',
      { maxConcurency: 3 },
      [
        `maxConcurency: unknown field, expected one of ${Object.keys(jobSchema.shape).join(', ')}; did you mean maxConcurrency?`,
      ],
    ],
    [
      'a misspelt limit',
      { limits: { pixel: 3 } },
      [
        `limits.pixel: unknown field, expected one of ${Object.keys(limitsSchema.shape).join(', ')}; did you mean limits.pixels?`,
      ],
    ],
    ['no concurrency', { maxConcurrency: 0 }, ['maxConcurrency: expected at least 1, got 0']],
    ['too much concurrency', { maxConcurrency: 10_001 }, ['maxConcurrency: expected at most 10000, got 10001']],
    ['a text for a number', { maxConcurrency: '5' }, ['maxConcurrency: expected a number, got "5"']],
    ['half a failure', { toleratedFailureCount: 0.5 }, ['toleratedFailureCount: expected a whole number, got 0.5']],
    ['a negative count', { toleratedFailureCount: -1 }, ['toleratedFailureCount: expected at least 0, got -1']],
    [
      'more failures than items',
      { toleratedFailureCount: ALL_ITEMS + 1 },
      [`toleratedFailureCount: expected at most ${ALL_ITEMS}, got ${ALL_ITEMS + 1}`],
    ],
    [
      'a share over all',
      { toleratedFailurePercentage: 100.1 },
      ['toleratedFailurePercentage: expected at most 100, got 100.1'],
    ],
    ['an unknown choice', { existing: 'maybe' }, ['existing: expected one of skip, replace, fail, got "maybe"']],
    [
      'a web address',
      { source: 'https://x/y' },
      ['source: expected s3://bucket/prefix/ or a directory, got https://x/y'],
    ],
    [
      'a bucket that cannot be',
      { destination: 's3://Not_A_Bucket/' },
      ["destination: expected s3://bucket/key with a bucket's name of 3 to 63 of a-z 0-9 . -, got s3://Not_A_Bucket/"],
    ],
    ['two lists of keys', { manifest: 'a.csv', keys: ['a'] }, ['manifest, keys: expected one of the two, got both']],
    ['no keys', { keys: [] }, ['keys: expected at least 1 element, got []']],
    ['a glob that is none', { include: 4 }, ['include: expected a glob or a list of globs, got 4']],
    [
      'a glob that matches nothing, as it cannot be read',
      { include: ['*.jpg', 'a{'], exclude: '(b{' },
      [
        'include: expected a glob, got "a{": Missing closing: "}" - use "\\\\}" to match literal characters',
        expect.stringContaining('exclude: expected a glob, got "(b{": '),
      ],
    ],
  ])('refuses %s', (_name, input, problems) => {
    expect(problemsOf(input)).toEqual(problems);
  });

  test('lists all problems at once', () => {
    expect(problemsOf({ maxConcurrency: 0, existing: 'no', sauce: 1, limits: { bytes: 0 } })).toHaveLength(4);
  });
});

test('the JSON Schema for editors describes every field', () => {
  const schema = jobJsonSchema() as {
    additionalProperties: boolean;
    properties: Record<string, { description?: string }>;
  };
  expect(schema.additionalProperties).toBe(false);
  expect(Object.keys(schema.properties)).toEqual(Object.keys(jobSchema.shape));
  for (const [field, { description }] of Object.entries(schema.properties)) expect(description, field).toMatch(/\S/);
});

test.each([
  [{ maxConcurency: 5 }, 'maxConcurency: unknown field, expected one of .*; did you mean maxConcurrency\\?'],
  [{ limits: { byte: 5 } }, 'limits.byte: unknown field, expected one of .*; did you mean limits.bytes\\?'],
  [
    { recipe: { rotat: { angle: 90 } } },
    'recipe: unknown field: got "rotat", expected one of .*; did you mean rotate\\?',
  ],
])('what an unknown field was probably meant to be: %j', (job, message) => {
  expect(() => parseJob(job)).toThrow(new RegExp(message));
});
