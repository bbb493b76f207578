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
