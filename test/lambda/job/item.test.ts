// Items of every reader become the same small record.
import { describe, expect, test } from 'vitest';
import { itemOf, keyOf } from '../../../lambda/job/item.ts';
import type { ReaderKind } from '../../../lambda/job/prepared.ts';

describe('itemOf', () => {
  const rows: [string, ReaderKind, unknown, object][] = [
    ['a plain key', 'KEYS', 'photos/a b.jpg', { key: 'photos/a b.jpg' }],
    [
      'a listed object, whose Etag has quotes in it',
      'LIST',
      { Etag: '"ccc798cb"', Key: 'flat/ä+%20.jpg', LastModified: 1.790204286e9, Size: 27, StorageClass: 'STANDARD' },
      { key: 'flat/ä+%20.jpg', etag: 'ccc798cb', bytes: 27 },
    ],
    ['a CSV row', 'CSV', { key: 'a%20b.jpg', label: 'x' }, { key: 'a%20b.jpg' }],
    ['a CSV row with another spelling of key', 'CSV', { ' KEY': 'a.jpg' }, { key: 'a.jpg' }],
    ['a JSON object', 'JSON', { key: 'a.jpg' }, { key: 'a.jpg' }],
    [
      'an inventory row, whose key is URL-encoded as in a form',
      'S3_INVENTORY',
      { Bucket: 'b', Key: 'a+b%2Bc%2F%C3%A4.jpg', Size: '12', ETag: 'e1' },
      { key: 'a b+c/ä.jpg', etag: 'e1', bytes: 12 },
    ],
    [
      'an inventory row of an old version',
      'S3_INVENTORY',
      { Bucket: 'b', Key: 'a.jpg', IsLatest: 'false', IsDeleteMarker: 'false' },
      { key: 'a.jpg', notCurrent: true },
    ],
    [
      'an inventory row of a delete marker',
      'S3_INVENTORY',
      { Bucket: 'b', Key: 'a.jpg', IsLatest: 'true', IsDeleteMarker: 'true' },
      { key: 'a.jpg', notCurrent: true },
    ],
  ];
  test.each(rows)('reads %s', (_name, kind, value, item) => {
    expect(itemOf(value, kind)).toEqual(item);
  });

  test.each([[''], [null], [7], [['a']], [{}], [{ key: '' }], [{ key: 7 }]])(
    'refuses %j and says what it was given',
    (value) => {
      expect(() => itemOf(value, 'JSON')).toThrow(
        expect.objectContaining({ name: 'InvalidItem', met: JSON.stringify(value) }),
      );
      expect(keyOf(value, 'JSON')).toBe(JSON.stringify(value));
    },
  );

  test('refuses an inventory key that is not URL-encoded', () => {
    expect(() => itemOf({ Key: '100%.jpg' }, 'S3_INVENTORY')).toThrow(expect.objectContaining({ name: 'InvalidItem' }));
  });
});
