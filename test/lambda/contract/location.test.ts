// Places of S3 and of this machine, as people write them.
import { describe, expect, test } from 'vitest';
import {
  directoryPath,
  formatLocation,
  isDirectory,
  objectUri,
  parseLocation,
  parseObject,
} from '../../../lambda/contract/location.ts';

describe('parseLocation', () => {
  test.each([
    ['s3://photos', { bucket: 'photos', prefix: '' }],
    ['s3://photos/', { bucket: 'photos', prefix: '' }],
    ['s3://photos/a/b', { bucket: 'photos', prefix: 'a/b/' }],
    ['s3://photos/a b/ä+%20/', { bucket: 'photos', prefix: 'a b/ä+%20/' }],
    ['/tmp/pictures', { bucket: 'file:///tmp/pictures/', prefix: '' }],
    ['/tmp/a b/#1/../ä%20', { bucket: 'file:///tmp/a%20b/%C3%A4%2520/', prefix: '' }],
    ['file:///tmp/x', { bucket: 'file:///tmp/x/', prefix: '' }],
  ])('reads %s', (text, location) => {
    expect(parseLocation(text)).toEqual(location);
  });

  test('reads a relative directory against the working directory', () => {
    const location = parseLocation('a');
    expect(isDirectory(location)).toBe(true);
    expect(directoryPath(location)).toBe(`${process.cwd()}/a/`);
    expect(formatLocation(location)).toBe(`${process.cwd()}/a/`);
  });

  test.each(['', 'https://example.org/x', 's3:', 's3://', 's3:///x', 's3://UPPER/x', 's3://ab'])(
    'refuses %j',
    (text) => {
      expect(() => parseLocation(text)).toThrow(RangeError);
    },
  );
});

test('parseObject and objectUri are each other’s inverse for S3', () => {
  for (const key of ['', 'a', 'a b/+%23#?.jpg', '/x', 'ä\n"']) {
    const object = { bucket: 'photos', key };
    expect(parseObject(objectUri(object.bucket, key))).toEqual(object);
  }
});
