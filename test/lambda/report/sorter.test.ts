// The external sort: any rows, any size of memory, same order; nothing left on disk.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { createSorter, type Row } from '../../../lambda/report/sorter.ts';

const directory = mkdtempSync(join(tmpdir(), 'image-fanout-sorter-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function sort(rows: readonly Row[], options: { chunkBytes?: number; fanIn?: number }): Promise<Row[]> {
  const sorter = createSorter({ directory, ...options });
  try {
    for (const row of rows) await sorter.add(row);
    const sorted: Row[] = [];
    for await (const batch of sorter.sorted()) sorted.push(...batch);
    return sorted;
  } finally {
    await sorter.close();
  }
}

const byIndexThenLine = (a: Row, b: Row) => a.index - b.index || (a.line < b.line ? -1 : a.line > b.line ? 1 : 0);

it('gives the rows that it was given, by index, through any number of chunks and levels of merging', async () => {
  const rows = fc.array(
    fc.record({
      index: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      line: fc.string({ unit: 'grapheme', maxLength: 60 }),
    }),
    { maxLength: 200 },
  );
  await fc.assert(
    fc.asyncProperty(
      rows,
      fc.integer({ min: 100, max: 4000 }),
      fc.integer({ min: 2, max: 4 }),
      async (given, chunkBytes, fanIn) => {
        const sorted = await sort(given, { chunkBytes, fanIn });
        expect(sorted.map(({ index }) => index)).toEqual(given.map(({ index }) => index).sort((a, b) => a - b));
        expect(sorted.toSorted(byIndexThenLine)).toEqual(given.toSorted(byIndexThenLine));
      },
    ),
    { numRuns: 60 },
  );
});

it('holds more rows than a chunk has places, and rows longer than a chunk or a frame', async () => {
  const many = Array.from({ length: 70_000 }, (_, place) => ({ index: 69_999 - place, line: 'x' }));
  expect((await sort(many, {})).map(({ index }) => index)).toEqual(many.map((_, place) => place));
  const long = [2, 1, 0].map((index) => ({ index, line: `${index}é`.repeat(100_000) }));
  expect(await sort(long, { chunkBytes: 1000 })).toEqual(long.toReversed());
});

it('uses no disk for what fits in memory, and leaves nothing behind', async () => {
  const sorter = createSorter({ directory, chunkBytes: 1000 });
  await sorter.add({ index: 1, line: 'small' });
  expect(readdirSync(directory)).toEqual([]);
  for (let index = 0; index < 100; index++) await sorter.add({ index, line: 'a line of some length' });
  expect(readdirSync(directory)).toHaveLength(1);
  for await (const _ of sorter.sorted()) break;
  await sorter.close();
  expect(readdirSync(directory)).toEqual([]);
});
