// items.csv: S3 Batch Operations' columns first, and nothing in a key or message can break a row.
import { parse } from 'csv-parse/sync';
import { expect, it } from 'vitest';
import { csvHeader, csvRow, encodeKey } from '../../../lambda/report/csv.ts';
import { rowOf } from '../../../lambda/report/item-row.ts';
import { failed, succeeded } from './run-folders.ts';

it('begins with the columns of the completion report', () => {
  expect(csvHeader()).toMatch(/^Bucket,Key,VersionId,TaskStatus,ErrorCode,HTTPStatusCode,ResultMessage,Index,State,/);
});

it.each([
  [
    'a success',
    rowOf(succeeded(0, 'a b.jpg'), 0, '2026-01-01T00:00:00.000Z'),
    'photos,a%20b.jpg,,succeeded,,200,,0,succeeded,,0,2026-01-01T00:00:00.000Z,1000,100,out/a%20b.jpg.webp,jpeg,40,30,1,2,3,6',
  ],
  [
    'a skip',
    rowOf({ status: 'skipped', index: 1, key: 'folder/', reason: 'folderMarker' }, 0),
    'photos,folder/,,succeeded,,200,,1,skipped,folderMarker,0,,,,,,,,,,,',
  ],
  [
    'a failure with a status of S3',
    rowOf(failed(2, 'x', 'AccessDenied', 'no, you "may" not'), 1),
    'photos,x,,failed,AccessDenied,403,"no, you ""may"" not",2,failed,,1,,,,,,,,,,,',
  ],
  [
    'a failure without one',
    rowOf(failed(3, 'x', 'NotAnImage', 'x'), 0),
    'photos,x,,failed,NotAnImage,,x,3,failed,,0,,,,,,,,,,,',
  ],
  [
    'a key that was not started',
    rowOf({ status: 'pending', index: 4, key: 'x' }, 0),
    'photos,x,,,,,,4,pending,,0,,,,,,,,,,,',
  ],
])('writes %s', (_what, row, line) => {
  expect(csvRow('photos', row)).toBe(`${line}\r\n`);
});

it('keeps line feeds, quotes and commas of a message inside its cell', () => {
  const message = 'first\r\nsecond, "third"\n';
  const [row] = parse(csvHeader() + csvRow('b', rowOf(failed(0, 'k', 'CorruptImage', message), 0)), {
    columns: true,
  }) as Record<string, string>[];
  expect(row?.['ResultMessage']).toBe(message);
});

it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1'])('makes no formula of the message %j', (message) => {
  const [row] = parse(csvHeader() + csvRow('b', rowOf(failed(0, '-k', 'CorruptImage', message), 0)), {
    columns: true,
  }) as Record<string, string>[];
  expect(row).toMatchObject({ ResultMessage: `'${message}`, Key: '-k' });
});

it.each([
  ['a+b c', 'a%2Bb%20c'],
  ['ü/日.jpg', '%C3%BC/%E6%97%A5.jpg'],
  ['line\nfeed,"x"', 'line%0Afeed%2C%22x%22'],
  ['half of a \ud83d', 'half%20of%20a%20%EF%BF%BD'],
])('encodes the key %j', (key, encoded) => {
  expect(encodeKey(key)).toBe(encoded);
});
