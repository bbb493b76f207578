// Strata: every key has its chance, each stratum has enough, and any beginning of the sample is one.
import { describe, expect, it } from 'vitest';
import { chanceFrom } from '../../../lambda/estimate/chance.ts';
import { createStrata, draw, inTurns, type Stratum } from '../../../lambda/plan/strata.ts';

function strataOf(keys: readonly { readonly format: string; readonly bytes?: number }[], room: number, seed: number) {
  const strata = createStrata(room, chanceFrom(seed));
  for (const [index, { format, bytes }] of keys.entries()) strata.add(format, bytes, { index, value: index });
  return strata.all();
}

const keys = [
  ...Array.from({ length: 900 }, (_, at) => ({ format: 'jpeg', bytes: 1000 + (at % 3) * 100_000 })),
  ...Array.from({ length: 90 }, () => ({ format: 'png', bytes: 5000 })),
  ...Array.from({ length: 2 }, () => ({ format: 'gif', bytes: 50 })),
  ...Array.from({ length: 8 }, () => ({ format: 'webp' })),
];

describe('strata', () => {
  it('hold all keys once, by format and by fours of bytes', () => {
    const strata = strataOf(keys, 50, 1);
    expect(strata.reduce((sum, stratum) => sum + stratum.keys, 0)).toBe(keys.length);
    expect(strata.map(({ format, order, keys: count }) => [format, order, count])).toEqual([
      ['gif', 2, 2],
      ['jpeg', 4, 300],
      ['jpeg', 8, 600],
      ['png', 6, 90],
      ['webp', -1, 8],
    ]);
  });

  it('give each key the same chance, also when strata are put together', () => {
    const counts = new Map<number, number>();
    const times = 4000;
    for (let seed = 0; seed < times; seed++) {
      const strata = strataOf(keys, 12, seed);
      // Six strata of four at least do not fit into twelve: so some are put together.
      for (const { sample } of draw(strata, 12, chanceFrom(seed + 1e6))) {
        for (const { index } of sample) counts.set(index, (counts.get(index) ?? 0) + 1);
      }
    }
    // Within a stratum all are drawn alike: of 300 and of 600 JPEGs, whichever they were put together with.
    const of = (from: number, to: number, step: number) =>
      keys.flatMap((_, at) => (at >= from && at < to && at % 3 === step ? [counts.get(at) ?? 0] : []));
    for (const group of [of(0, 900, 0), of(0, 900, 1)]) {
      const mean = group.reduce((sum, count) => sum + count, 0) / group.length;
      const spread = Math.sqrt(group.reduce((sum, count) => sum + (count - mean) ** 2, 0) / group.length);
      // Of counts that are drawn by chance the variance is about the mean.
      expect(spread / Math.sqrt(mean)).toBeLessThan(1.3);
    }
  });

  it('share the sample out, four each at least, no more than there are', () => {
    const drawn = draw(strataOf(keys, 100, 1), 100, chanceFrom(2));
    expect(drawn.reduce((sum, { sample }) => sum + sample.length, 0)).toBe(100);
    for (const { keys: count, sample } of drawn) {
      expect(sample.length).toBeGreaterThanOrEqual(Math.min(4, count));
      expect(new Set(sample.map(({ index }) => index)).size).toBe(sample.length);
    }
    // Half of it goes by bytes, of which large JPEGs have nearly all.
    expect(drawn.find(({ order }) => order === 8)?.sample.length).toBeGreaterThan(50);
  });

  it('are all drawn where the sample is larger than the whole', () => {
    const drawn = draw(strataOf(keys, 5000, 1), 5000, chanceFrom(2));
    expect(drawn.reduce((sum, { sample }) => sum + sample.length, 0)).toBe(keys.length);
  });

  it('are as few as the sample has room for, and never lose a key', () => {
    const many = Array.from({ length: 3000 }, (_, at) => ({ format: `f${at % 60}`, bytes: 4 ** (at % 11) }));
    const strata = strataOf(many, 40, 3);
    const drawn = draw(strata, 40, chanceFrom(4));
    expect(drawn.length).toBeLessThanOrEqual(10);
    expect(drawn.reduce((sum, stratum) => sum + stratum.keys, 0)).toBe(3000);
    expect(draw([], 40, chanceFrom(1))).toEqual([]);
  });
});

it('tries the strata in turns: half of the sample is half of each', () => {
  const drawn = draw(strataOf(keys, 100, 1), 100, chanceFrom(2));
  const turns = inTurns(drawn);
  expect(turns).toHaveLength(100);
  const begin = turns.slice(0, 50);
  for (const [place, { sample }] of drawn.entries()) {
    const tried = begin.filter(({ stratum }) => stratum === place).length;
    expect(Math.abs(tried - sample.length / 2)).toBeLessThanOrEqual(1);
  }
});

it('keeps an even sample of a stratum however long it is', () => {
  const half = Array.from({ length: 400 }, (_, seed) => {
    const [stratum] = strataOf(
      Array.from({ length: 1000 }, () => ({ format: 'a', bytes: 1 })),
      10,
      seed,
    ) as [Stratum];
    return stratum.candidates.filter(({ index }) => index < 500).length;
  });
  const mean = half.reduce((sum, count) => sum + count, 0) / half.length;
  expect(Math.abs(mean - 5)).toBeLessThan(0.3);
});
