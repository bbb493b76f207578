// How often inputs were given, by their digests: counted exactly while the table grows.
import { expect, it } from 'vitest';
import { createInputCounts } from '../../lib/local/input-counts.ts';

it('gives back each text as often as it was added, while it grows, and no other', () => {
  const counts = createInputCounts();
  const count = 20_000;
  for (let index = 0; index < count; index += 1) counts.add(`in/${index}.jpg`);
  counts.add('in/0.jpg');
  for (let index = 0; index < count; index += 1) {
    if (!counts.take(`in/${index}.jpg`)) expect.fail(`lost ${index}`);
    if (counts.take(`out/${index}.jpg`)) expect.fail(`made up ${index}`);
  }
  expect(counts.take('in/0.jpg')).toBe(true);
  expect(counts.take('in/0.jpg')).toBe(false);
  expect(counts.take('in/1.jpg')).toBe(false);
});

it('tells texts that begin with a position apart by that alone, and has each once', () => {
  const counts = createInputCounts('[{"index":');
  const text = (index: number | string, rest = '') => `[{"index":${index},"item":"${rest}"}]`;
  for (const index of [0, 31, 32, 4095, 1_000_000, 2 ** 31 + 5]) counts.add(text(index));
  // What succeeded twice stands once all the same.
  counts.add(text(32, 'again'));
  counts.add('of another form');
  counts.add(text('', 'without a number'));
  for (const index of [1, 33, 999_999, 2 ** 31 + 6]) expect(counts.take(text(index))).toBe(false);
  for (const index of [0, 31, 32, 4095, 1_000_000, 2 ** 31 + 5]) {
    expect(counts.take(text(index)), String(index)).toBe(true);
    expect(counts.take(text(index)), String(index)).toBe(false);
  }
  expect([counts.take('of another form'), counts.take('of another form')]).toEqual([true, false]);
  expect([counts.take(text('', 'without a number')), counts.take(text('', 'without'))]).toEqual([true, false]);
});
