// Which keys a page shows: the extremes for certain, each class and format, a fair few of the rest, and never more than so many.
import { describe, expect, it } from 'vitest';
import type { ItemRow } from '../../../../lambda/report/item-row.ts';
import { createSample } from '../../../../lambda/report/page/sample.ts';
import { failed, succeeded } from '../run-folders.ts';

const row = (index: number, change: Partial<Extract<ItemRow, { status: 'succeeded' }>> = {}): ItemRow => {
  const base = succeeded(index, `${index}.jpg`, 1000);
  const outputs = base.outputs.map((output) => ({ ...output, width: 10, height: 10 }));
  return { ...base, outputs, attempt: 0, ...change };
};

function sampleOf(rows: Iterable<ItemRow>) {
  const sample = createSample();
  for (const one of rows) sample.add(one);
  return sample.result();
}

function* many(count: number, except: ReadonlyMap<number, ItemRow> = new Map()): Generator<ItemRow> {
  for (let index = 0; index < count; index++) yield except.get(index) ?? row(index);
}

describe('a sample', () => {
  it('has the extremes of a long run, says why, and names no key twice', () => {
    const slow = row(70_001, { ms: { read: 1, transform: 90_000, write: 1, total: 90_002 } });
    const heavy = row(123, {
      outputs: [{ name: 'small', key: 'o', bytes: 9_999_999, format: 'webp', width: 1, height: 1, ssim: 0.4 }],
    });
    const { shown, lines } = sampleOf(
      many(
        100_000,
        new Map([
          [70_001, slow],
          [123, heavy],
        ]),
      ),
    );
    const why = new Map(shown.map((one) => [one.row.index, one.why]));
    expect(why.get(70_001)).toContain('slowest');
    expect(why.get(123)).toEqual(
      expect.arrayContaining(['largest output', 'smallest saving', 'least like its source']),
    );
    expect(new Set(why.keys()).size).toBe(shown.length);
    expect(shown.length).toBeLessThanOrEqual(36);
    expect(lines.length).toBe(1200);
    expect(lines.map(({ index }) => index)).toEqual([...lines.map(({ index }) => index)].sort((a, b) => a - b));
  });

  it('is a fair one: each tenth of the input has about a tenth of it', () => {
    const { lines } = sampleOf(many(100_000));
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = lines.filter(({ index }) => Math.floor(index / 10_000) === tenth).length;
      expect(share).toBeGreaterThan(80);
      expect(share).toBeLessThan(160);
    }
  });

  it('holds all keys of a small run, and of many failures some of each class', () => {
    expect(sampleOf(many(1000)).lines.length).toBe(1000);
    const failures = Array.from(
      { length: 5000 },
      (_, index): ItemRow => ({
        ...failed(index, `${index}.jpg`, index % 1000 === 7 ? 'CorruptImage' : 'TruncatedImage'),
        attempt: 0,
      }),
    );
    const sample = sampleOf(failures);
    expect([...sample.failed].map(([name, rows]) => [name, rows.length])).toEqual([
      ['TruncatedImage', 3],
      ['CorruptImage', 3],
    ]);
    expect(sample.lines.length).toBe(400);
  });

  it('is the same for the same rows', () => {
    expect(sampleOf(many(5000))).toEqual(sampleOf(many(5000)));
  });
});
