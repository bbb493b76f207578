// Intervals hold what they say: over many samples of wholes that are known, and against tables of others.
import { describe, expect, it } from 'vitest';
import { type Chance, chanceFrom } from '../../../lambda/estimate/chance.ts';
import { countOf, type Seen, shareOf, studentQuantile, totalOf } from '../../../lambda/estimate/intervals.ts';

const TIMES = 2000;

/** Strata of a whole that is known: sizes, and how large and how rare things are in each. */
const WHOLE = [
  { size: 1200, mean: 10, spread: 4, share: 0.01 },
  { size: 500, mean: 100, spread: 80, share: 0.03 },
  { size: 250, mean: 400, spread: 200, share: 0.1 },
  { size: 50, mean: 3000, spread: 900, share: 0 },
];

interface One {
  readonly amount: number;
  readonly broken: boolean;
}

function wholeOf(chance: Chance): One[][] {
  return WHOLE.map(({ size, mean, spread, share }) =>
    Array.from({ length: size }, (_, at) => ({
      // Skewed, as sizes are.
      amount: mean - spread + 2 * spread * chance() ** 2,
      broken: at < size * share,
    })),
  );
}

function drawn(whole: readonly One[][], sizes: readonly number[], chance: Chance): Seen<One>[] {
  return whole.map((stratum, place) => {
    const rest = [...stratum];
    const sampled = Array.from(
      { length: sizes[place] ?? 0 },
      () => rest.splice(Math.floor(chance() * rest.length), 1)[0] as One,
    );
    return { size: stratum.length, sampled };
  });
}

/** How often an interval held the truth. */
function held(sizes: readonly number[], judge: (sample: Seen<One>[], whole: One[]) => boolean): number {
  const chance = chanceFrom(1);
  const whole = wholeOf(chance);
  let count = 0;
  for (let time = 0; time < TIMES; time++) if (judge(drawn(whole, sizes, chance), whole.flat())) count++;
  return count / TIMES;
}

describe('of many samples, an interval holds the truth in the share that it says or more', () => {
  it.each([
    { sizes: [60, 60, 50, 30] },
    { sizes: [120, 50, 22, 8] },
    { sizes: [20, 10, 10, 10] },
    { sizes: [5, 5, 5, 50] },
  ])('$sizes', ({ sizes }) => {
    const total = held(sizes, (sample, whole) => {
      const truth = whole.reduce((sum, { amount }) => sum + amount, 0);
      const { low, high } = totalOf(sample, ({ amount }) => amount);
      return low <= truth && truth <= high;
    });
    expect(total).toBeGreaterThan(0.925);
    const count = held(sizes, (sample, whole) => {
      const truth = whole.filter(({ broken }) => broken).length;
      const { low, high } = countOf(sample, ({ broken }) => broken);
      return low <= truth && truth <= high;
    });
    expect(count).toBeGreaterThan(0.93);
  });
});

it('is certain where all was seen', () => {
  const sampled = [1, 2, 3];
  expect(totalOf([{ size: 3, sampled }], (one) => one)).toEqual({ value: 6, low: 6, high: 6 });
  expect(countOf([{ size: 3, sampled }], (one) => one > 2)).toEqual({ value: 1, low: 1, high: 1 });
});

it('never tells less than was seen, nor more than there can be', () => {
  const strata = [{ size: 100, sampled: [true, ...Array(9).fill(false)] as boolean[] }];
  const { low, high } = countOf(strata, (one) => one);
  expect(low).toBeGreaterThanOrEqual(1);
  expect(high).toBeLessThanOrEqual(91);
  expect(shareOf([], () => true)).toEqual({ value: 0, low: 0, high: 1 });
  expect(totalOf([{ size: 5, sampled: [] }], () => 1).value).toBe(0);
  const [one] = [totalOf([{ size: 5, sampled: [4] }], (amount) => amount)];
  expect(one).toMatchObject({ value: 20, low: 4 });
});

it("is Newcombe's own example: 81 of 263 and 0 of 20", () => {
  // Statistics in Medicine 17 (1998), table I: 0.2535 to 0.3682, and 0 to 0.2005; of a whole without end.
  const of = (found: number, size: number) =>
    shareOf([{ size: 1e15, sampled: Array.from({ length: size }, (_, at) => at < found) }], (one) => one);
  expect(of(81, 263).low).toBeCloseTo(0.2535, 4);
  expect(of(81, 263).high).toBeCloseTo(0.3682, 4);
  expect(of(0, 20).low).toBe(0);
  expect(of(0, 20).high).toBeCloseTo(0.2005, 4);
});

it.each([
  [1, 12.706],
  [2, 4.303],
  [3, 3.182],
  [5, 2.571],
  [10, 2.228],
  [30, 2.042],
  [1e9, 1.96],
])("has Student's t of %s degrees of freedom: %s", (degrees, quantile) => {
  expect(Math.abs(studentQuantile(degrees) - quantile)).toBeLessThan(0.004);
});

it('gives the same chance for the same seed, spread evenly', () => {
  const numbers = Array.from({ length: 10_000 }, chanceFrom(7));
  expect(numbers.slice(0, 5)).toEqual(Array.from({ length: 5 }, chanceFrom(7)));
  expect(numbers.slice(0, 5)).not.toEqual(Array.from({ length: 5 }, chanceFrom(8)));
  const tenths = Array(10).fill(0) as number[];
  for (const number of numbers) tenths[Math.floor(number * 10)] = (tenths[Math.floor(number * 10)] ?? 0) + 1;
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(120);
});
