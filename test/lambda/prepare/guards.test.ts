// The guards of places: nothing that would write among its own sources gets past, however it is spelt.
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseLocation } from '../../../lambda/contract/location.ts';
import { placeProblems } from '../../../lambda/prepare/guards.ts';

let root: string;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'guards-')));
  await mkdir(join(root, 'photos/raw'), { recursive: true });
  await mkdir(join(root, 'out'));
  await writeFile(join(root, 'file.jpg'), 'x');
  await symlink(join(root, 'photos'), join(root, 'link'));
  await symlink(join(root, 'photos/not-yet'), join(root, 'dangling'));
  await symlink(join(root, 'loop'), join(root, 'loop'));
});

afterAll(() => rm(root, { recursive: true, force: true }));

function problems(source: string, destination: string, results = `${destination}/.image-fanout/runs/1/`) {
  const place = (text: string) => parseLocation(text.startsWith('s3:') ? text : `${root}/${text}`);
  return placeProblems({ source: place(source), destination: place(destination), results: place(results) });
}

describe('accepts', () => {
  test.each([
    ['two directories', 'photos', 'out'],
    ['a destination that is not there yet', 'photos', 'new/deep/folder'],
    ['names that begin alike', 'photos', 'photos-small'],
    ['a directory and a bucket', 'photos', 's3://bucket/photos/'],
    ['two buckets', 's3://one/a/', 's3://two/a/'],
    ['two prefixes of one bucket', 's3://bucket/in/', 's3://bucket/out/'],
    ['prefixes that begin alike', 's3://bucket/in', 's3://bucket/in-small'],
    ['a prefix with dots, which S3 takes as they are', 's3://bucket/in/', 's3://bucket/x/../in/'],
  ])('%s', async (_, source, destination) => {
    expect(await problems(source, destination)).toEqual([]);
  });
});

describe('refuses', () => {
  test.each([
    [
      'the same directory',
      'photos',
      'photos/',
      /^destination: expected another place than the source, got .*photos for both$/,
    ],
    ['the same directory through a link', 'photos', 'link', /^destination: expected another place than the source/],
    ['the same directory with ..', 'photos', 'out/../photos', /^destination: expected another place than the source/],
    ['a destination in the source', 'photos', 'photos/out', /^destination: expected a place outside the source/],
    [
      'a destination in the source through a link',
      'photos',
      'link/a/b',
      /^destination: expected a place outside the source/,
    ],
    [
      'a destination in the source through a dangling link',
      'photos',
      'dangling',
      /^destination: expected a place outside the source/,
    ],
    [
      'a destination in the source with ..',
      'photos/raw/..',
      'out/../photos/x',
      /^destination: expected a place outside the source/,
    ],
    ['a source in the destination', 'photos/raw', 'photos', /^source: expected a place outside the destination/],
    ['a linked source in the destination', 'link/raw', 'photos', /^source: expected a place outside the destination/],
    ['a source that is not there', 'nowhere', 'out', /^source: expected a directory, but there is none at .*nowhere/],
    ['a source that is a file', 'file.jpg', 'out', /^source: expected a directory, got the file .*file\.jpg$/],
    ['a destination that is a file', 'photos', 'file.jpg', /^destination: expected a directory, got the file/],
    [
      'a destination below a file',
      'photos',
      'file.jpg/out',
      /^destination: expected a directory, but .* lies below a file/,
    ],
    ['a destination that is a link to itself', 'photos', 'loop', /^destination: expected a directory, got .*ELOOP/],
    [
      'the same prefix',
      's3://bucket/in',
      's3://bucket/in/',
      /^destination: expected another place .*, got s3:\/\/bucket\/in\/ for both$/,
    ],
    ['the same bucket', 's3://bucket', 's3://bucket/', /^destination: expected another place/],
    [
      'a prefix in a prefix',
      's3://bucket/in/',
      's3://bucket/in/out/',
      /^destination: expected a place outside the source/,
    ],
    ['a prefix in a bucket', 's3://bucket', 's3://bucket/out/', /^destination: expected a place outside the source/],
    [
      'a source in its destination bucket',
      's3://bucket/in/',
      's3://bucket/',
      /^source: expected a place outside the destination/,
    ],
  ])('%s', async (_, source, destination, message) => {
    expect(await problems(source, destination)).toEqual([expect.stringMatching(message)]);
  });

  test.each([
    ['results in the source directory', 'photos', 'out', 'photos/runs/1/'],
    ['results in the source directory through a link', 'photos', 'out', 'link/runs/1/'],
    ['results in the source prefix', 's3://bucket/in/', 's3://bucket/out/', 's3://bucket/in/runs/1/'],
  ])('%s', async (_, source, destination, results) => {
    expect(await problems(source, destination, results)).toEqual([
      expect.stringMatching(/^results: expected a place outside the source/),
    ]);
  });

  test('results in the source directory itself, in its runs/', async () => {
    const source = parseLocation(`${root}/photos`);
    const results = { bucket: source.bucket, prefix: 'runs/1/' };
    expect(await placeProblems({ source, destination: parseLocation(`${root}/out`), results })).toEqual([
      expect.stringMatching(/^results: expected a place outside the source.*photos\/runs\/1 in .*photos$/),
    ]);
  });

  test('names both, a missing source and a destination that is a file', async () => {
    expect(await problems('nowhere', 'file.jpg')).toHaveLength(2);
  });
});

test('in one bucket, accepts exactly the prefixes of which neither begins with the other', async () => {
  const prefix = fc
    .array(fc.constantFrom('a', 'b', 'ab', '..', ' '), { maxLength: 3 })
    .map((parts) => parts.map((part) => `${part}/`).join(''));
  await fc.assert(
    fc.asyncProperty(prefix, prefix, async (one, other) => {
      const found = await problems(`s3://bucket/${one}`, `s3://bucket/${other}`, 's3://results/');
      expect(found.length > 0).toBe(one.startsWith(other) || other.startsWith(one));
    }),
  );
});
