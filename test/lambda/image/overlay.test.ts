// Watermarks of every kind of pixels fade as their opacity says.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { limitsSchema } from '../../../lambda/contract/limits.ts';
import { transform } from '../../../lambda/image/transform.ts';
import { resolveRecipe } from '../../../lambda/recipe/recipe.ts';

const plain = (background: { r: number; g: number; b: number }) =>
  sharp({ create: { width: 200, height: 200, channels: 3, background } });

const MARKS = {
  'a JPEG, which has no alpha': () => plain({ r: 0, g: 0, b: 255 }).jpeg({ quality: 100 }).toBuffer(),
  'a PNG with alpha': () => plain({ r: 0, g: 0, b: 255 }).ensureAlpha().png().toBuffer(),
  'a grey PNG': () => plain({ r: 255, g: 255, b: 255 }).greyscale().png().toBuffer(),
  'a 16-bit PNG': () => plain({ r: 0, g: 0, b: 255 }).toColourspace('rgb16').png().toBuffer(),
} as const;

describe('a watermark at half opacity', () => {
  it.each(Object.entries(MARKS))('lets half of the image through: %s', async (name, mark) => {
    const recipe = resolveRecipe({
      composite: [{ image: 'mark', opacity: 0.5, scale: 0.5, margin: 0 }],
      outputs: [{ name: 'x', format: 'png' }],
    });
    const body = await plain({ r: 255, g: 0, b: 0 }).png().toBuffer();
    const overlays = new Map([['mark', await mark()]]);
    const { renditions } = await transform({ body, key: 'a.png', recipe, limits: limitsSchema.parse({}), overlays });
    const at = async (left: number, top: number) => [
      ...(await sharp(renditions[0]?.body).removeAlpha().extract({ left, top, width: 1, height: 1 }).raw().toBuffer()),
    ];
    expect(await at(5, 5)).toEqual([255, 0, 0]);
    const expected = name.includes('grey') ? [255, 128, 128] : [128, 0, 128];
    for (const [channel, value] of (await at(100, 100)).entries()) {
      expect(Math.abs(value - (expected[channel] ?? 0))).toBeLessThanOrEqual(2);
    }
  });
});
