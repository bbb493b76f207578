// Animations stay animations where the format can, else what the recipe says.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { haveImages, image, make, makeOne } from './images.ts';

describe.skipIf(!haveImages)('animations', () => {
  it.for([
    ['gif/rotating-squares.gif', 'webp'],
    ['gif/animated-loop-3.gif', 'gif'],
    ['webp/animated-loop-3.webp', 'webp'],
    ['webp/rotating-squares.webp', 'gif'],
  ] as const)('%s stays animated in %s, with its time and loops', async ([name, format]) => {
    const source = await sharp(image(name), { animated: true }).metadata();
    const { renditions } = await make(image(name), {
      outputs: [
        { name: 'a', format, resize: { width: 40 } },
        { name: 'b', format, resize: { width: 20 } },
      ],
    });
    for (const { body, pages, width, height } of renditions) {
      const made = await sharp(body, { animated: true }).metadata();
      expect(made.pages).toBe(pages);
      expect(made.pages).toBeGreaterThan(1);
      expect([made.width, made.pageHeight]).toEqual([width, height]);
      expect(made.loop).toBe(source.loop);
      const total = (delays: number[] = []): number => delays.reduce((sum, delay) => sum + delay, 0);
      expect(total(made.delay)).toBe(total(source.delay));
    }
  });

  it('gives the first frame where the format holds one, beside the animation', async () => {
    const { source, renditions } = await make(image('gif/rotating-squares.gif'), {
      outputs: [{ name: 'still', format: 'jpeg' }, { name: 'moving', format: 'webp' }, { name: 'same' }],
    });
    expect(source.pages).toBe(30);
    expect(renditions.map(({ format, pages }) => [format, (pages ?? 1) > 1])).toEqual([
      ['jpeg', false],
      ['webp', true],
      ['gif', true],
    ]);
  });

  it('takes the first frame only, or fails, when the recipe says so', async () => {
    expect((await makeOne(image('gif/cogs.gif'), { animated: 'first', format: 'webp' })).pages).toBeUndefined();
    await expect(makeOne(image('gif/cogs.gif'), { animated: 'fail', format: 'jpeg' })).rejects.toMatchObject({
      name: 'RecipeMismatch',
    });
    expect((await makeOne(image('gif/cogs.gif'), { animated: 'fail', format: 'gif' })).pages).toBe(5);
  });

  it('chooses among the formats that keep the frames', async () => {
    expect((await makeOne(image('gif/cogs.gif'), { best: ['jpeg', 'webp', 'gif'] })).pages).toBeGreaterThan(1);
  });

  it('lays a watermark on every frame', async () => {
    const logo = await sharp({ create: { width: 10, height: 10, channels: 4, background: '#ff00ffff' } })
      .png()
      .toBuffer();
    const { body } = await makeOne(
      image('gif/rotating-squares.gif'),
      {
        format: 'webp',
        webp: { lossless: true },
        composite: [{ image: 'logo', gravity: 'northwest', margin: 0, scale: 0.1 }],
      },
      {},
      { overlays: new Map([['logo', logo]]) },
    );
    const { pages = 0 } = await sharp(body).metadata();
    for (const page of [0, 1, pages - 1]) {
      const [r, g, b] = await sharp(body, { page }).extract({ left: 2, top: 2, width: 1, height: 1 }).raw().toBuffer();
      expect([r, g, b]).toEqual([255, 0, 255]);
    }
  });

  it('refuses what only stills can have', async () => {
    await expect(makeOne(image('gif/cogs.gif'), { format: 'webp', rotate: { angle: 45 } })).rejects.toMatchObject({
      name: 'RecipeMismatch',
    });
  });

  it('keeps metadata and profile on animations, too', async () => {
    const { renditions } = await make(image('webp/animated-loop-3.webp'), {
      metadata: 'keep',
      outputs: [
        { name: 'a', format: 'webp' },
        { name: 'b', format: 'webp', resize: { width: 40 } },
      ],
    });
    expect(renditions.map(({ pages }) => pages)).toEqual([10, 10]);
    const alike = await makeOne(image('webp/animated-loop-3.webp'), { metadata: 'keep', format: 'webp', minSsim: 0.9 });
    expect(alike.ssim).toBeGreaterThanOrEqual(0.9);
  });
});
