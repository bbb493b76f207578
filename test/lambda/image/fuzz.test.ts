// A few hundred damaged images; bench/fuzz.ts does twenty thousand.
import { afterAll, expect, it } from 'vitest';
import { fuzzOnce } from '../../../bench/harness/fuzz.ts';
import { mutated } from '../../../bench/harness/mutate.ts';
import { closeIsolated } from '../../../lambda/image/isolated.ts';
import { haveImages, image } from './images.ts';

const NAMES = [
  'jpeg/test2.jpg',
  'orientation/1x2-flipped-big-endian.jpg',
  'icc-colour/adobe-rgb-compatible_a98.jpg',
  'png/rgb-alpha-16.png',
  'png/grey-8bit-alpha.png',
  'png/indexed.png',
  'webp/1.webp',
  'webp/animated-loop-3.webp',
  'gif/cogs.gif',
  'gif/trans-x.gif',
  'tiff/subsampled.tif',
  'tiff/1bit.tif',
  'avif-heic/sample.avif',
  'svg/check.svg',
];

afterAll(closeIsolated);

it.skipIf(!haveImages)('never crashes, never reads the unreadable, never exceeds the limits', async () => {
  const images = NAMES.map(image);
  const results = new Map<string, number>();
  for (let index = 0; index < 400; index += 1) {
    const result = await fuzzOnce(mutated(images, 7, index)).catch((error: Error) => {
      throw new Error(`mutation ${index}: ${error.message}`, { cause: error });
    });
    results.set(result, (results.get(result) ?? 0) + 1);
  }
  // The mutations must be worth their time: some read, some not, of several classes.
  expect(results.get('read')).toBeGreaterThan(20);
  expect(results.size).toBeGreaterThan(4);
});
