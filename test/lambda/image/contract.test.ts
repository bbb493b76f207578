// Contracts of an output: bytes, likeness, the weight of the source, the best of several formats.
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { make, makeOne } from './images.ts';

let photo: Buffer;
beforeAll(async () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  photo = await sharp({ create: { width: 300, height: 200, channels: 3, background: 'white', noise } })
    .blur(1.5)
    .jpeg({ quality: 95 })
    .toBuffer();
});

describe('maxBytes', () => {
  it.for(['jpeg', 'webp', 'avif'] as const)('finds the largest quality of %s that fits', async (format) => {
    const free = await makeOne(photo, { format, avif: { effort: 0 } });
    const maxBytes = Math.round(free.body.length * 0.6);
    const made = await makeOne(photo, { format, maxBytes, avif: { effort: 0 } });
    expect(made.body.length).toBeLessThanOrEqual(maxBytes);
    const better = await makeOne(photo, {
      format,
      [format]: { ...(format === 'avif' ? { effort: 0 } : {}), quality: (made.quality ?? 0) + 1 },
    });
    expect(better.body.length).toBeGreaterThan(maxBytes);
  });

  it('leaves alone what fits, and fails by name where nothing does', async () => {
    expect((await makeOne(photo, { format: 'jpeg', maxBytes: 1_000_000 })).quality).toBe(80);
    await expect(makeOne(photo, { format: 'jpeg', maxBytes: 100 })).rejects.toMatchObject({
      name: 'QualityUnreachable',
      expected: 'at most 100 bytes',
    });
    await expect(makeOne(photo, { format: 'png', maxBytes: 100 })).rejects.toMatchObject({
      name: 'QualityUnreachable',
    });
  });
});

describe('minSsim', () => {
  it.for(['jpeg', 'webp'] as const)('finds the smallest %s that is like enough', async (format) => {
    const made = await makeOne(photo, { format, minSsim: 0.97 });
    expect(made.ssim).toBeGreaterThanOrEqual(0.97);
    const rough = await makeOne(photo, { format, minSsim: 0.8 });
    expect(rough.body.length).toBeLessThan(made.body.length);
  });

  it('is exact for lossless formats and out of reach for what loses', async () => {
    expect((await makeOne(photo, { format: 'png', minSsim: 1 })).ssim).toBe(1);
    await expect(makeOne(photo, { format: 'jpeg', minSsim: 1 })).rejects.toMatchObject({ name: 'QualityUnreachable' });
    await expect(makeOne(photo, { format: 'jpeg', minSsim: 0.97, maxBytes: 300 })).rejects.toMatchObject({
      name: 'QualityUnreachable',
    });
  });

  it('judges pixels that carry a profile by their numbers', async () => {
    expect((await makeOne(photo, { format: 'webp', colour: 'p3', minSsim: 0.97 })).ssim).toBeGreaterThanOrEqual(0.97);
  });
});

describe('best', () => {
  it('keeps the smallest that meets the contract', async () => {
    const formats = ['jpeg', 'webp', 'png'] as const;
    const made = await makeOne(photo, { best: [...formats] });
    const each = await Promise.all(formats.map((format) => makeOne(photo, { format })));
    expect(made.body.length).toBe(Math.min(...each.map(({ body }) => body.length)));
    expect((await makeOne(photo, { best: ['jpeg', 'png'], minSsim: 1 })).format).toBe('png');
  });

  it('does not lay transparency on white to save bytes', async () => {
    const clear = await sharp({ create: { width: 50, height: 50, channels: 4, background: '#ff000080' } })
      .png()
      .toBuffer();
    expect((await makeOne(clear, { best: ['jpeg', 'png'] })).format).toBe('png');
  });
});

describe('onLarger', () => {
  let light: Buffer;
  beforeAll(async () => {
    light = await sharp(photo).jpeg({ quality: 20 }).toBuffer();
  });

  it('keeps, fails, or hands on the original', async () => {
    const recipe = { format: 'same', jpeg: { quality: 95 } } as const;
    expect((await makeOne(light, recipe)).body.length).toBeGreaterThan(light.length);
    await expect(makeOne(light, { ...recipe, onLarger: 'fail' })).rejects.toMatchObject({ name: 'OutputTooLarge' });
    const original = await makeOne(light, { ...recipe, onLarger: 'original' });
    expect(original.body.equals(light)).toBe(true);
    expect(original.quality).toBeUndefined();
  });

  it('never hands on an original that is not what was asked for', async () => {
    const located = await sharp(light)
      .withExif({ IFD0: { Model: 'Pinhole' } })
      .jpeg({ quality: 20 })
      .toBuffer();
    const recipe = { jpeg: { quality: 95 }, onLarger: 'original' } as const;
    expect((await makeOne(located, recipe)).body.includes('Pinhole')).toBe(false);
    expect((await makeOne(located, { ...recipe, metadata: 'keep', colour: 'keep' })).body.equals(located)).toBe(true);
    expect((await makeOne(light, { ...recipe, format: 'png' })).format).toBe('png');
    expect((await makeOne(light, { ...recipe, negate: {} })).body.equals(light)).toBe(false);
  });
});

describe('limits', () => {
  it.for([
    [{ bytes: 100 }, 'TooManyBytes', /100/],
    [{ pixels: 59_999 }, 'TooManyPixels', /60000 .*300 x 200.*59999/],
    [{ dimension: 250 }, 'OutputTooLarge', /300 x 200.*250/],
  ] as const)('%j ends in %s, naming limit and value', async ([limits, name, message]) => {
    await expect(makeOne(photo, { format: 'jpeg' }, limits)).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
  });

  it('sums pixels over frames, and counts frames', async () => {
    const frames = Buffer.alloc(20 * 10 * 10 * 3, 7).fill(99, 0, 3000);
    const animation = await sharp(frames, {
      raw: { width: 10, height: 200, channels: 3, pageHeight: 10 },
      animated: true,
    })
      .gif({ keepDuplicateFrames: true, delay: Array(20).fill(50) })
      .toBuffer();
    await expect(makeOne(animation, { format: 'webp' }, { frames: 19 })).rejects.toMatchObject({
      name: 'TooManyFrames',
      met: '20 frames',
    });
    await expect(makeOne(animation, { format: 'webp' }, { pixels: 1999 })).rejects.toMatchObject({
      name: 'TooManyPixels',
      met: expect.stringContaining('2000'),
    });
    expect((await makeOne(animation, { format: 'jpeg' }, { frames: 1, pixels: 100 })).format).toBe('jpeg');
  });

  it('refuses to enlarge beyond the limits before a pixel is made', async () => {
    await expect(makeOne(photo, { format: 'png', resize: { width: 60_000 } })).rejects.toMatchObject({
      name: 'OutputTooLarge',
    });
    await expect(makeOne(photo, { format: 'png', extend: { left: 60_000 } })).rejects.toMatchObject({
      name: 'OutputTooLarge',
    });
    await expect(
      makeOne(photo, { format: 'png', resize: { width: 400, height: 400, fit: 'fill' } }, { pixels: 100_000 }),
    ).rejects.toMatchObject({ name: 'OutputTooLarge' });
  });

  it('ends on time', async () => {
    await expect(
      makeOne(photo, { format: 'avif', avif: { effort: 9 }, resize: { width: 8000 } }, { milliseconds: 50 }),
    ).rejects.toMatchObject({ name: 'ImageTimeout', expected: expect.stringContaining('50') });
  });

  it('ends on an abort with its reason', async () => {
    const controller = new AbortController();
    const made = makeOne(
      photo,
      { format: 'avif', avif: { effort: 9 }, resize: { width: 4000 } },
      {},
      { signal: controller.signal },
    );
    controller.abort(new Error('enough'));
    await expect(made).rejects.toThrow('enough');
  });

  it('says when a recipe does not fit the image', async () => {
    await expect(
      makeOne(photo, { format: 'png', extract: { left: 290, top: 0, width: 20, height: 20 } }),
    ).rejects.toMatchObject({ name: 'RecipeMismatch' });
    await expect(makeOne(photo, { format: 'png', composite: [{ image: 'gone.png' }] })).rejects.toMatchObject({
      name: 'RecipeMismatch',
    });
  });
});

describe('the same again', () => {
  it('gives the very bytes that sharp alone gives, where one output is all', async () => {
    const { body } = await makeOne(photo, { resize: { width: 97 }, format: 'jpeg' });
    expect(body.equals(await sharp(photo).autoOrient().resize({ width: 97 }).jpeg().toBuffer())).toBe(true);
  });

  it('gives the same bytes twice', async () => {
    const [a, b] = await Promise.all([make(photo, 'web'), make(photo, 'web')]);
    expect(a.renditions.map(({ body }) => body.toString('base64'))).toEqual(
      b.renditions.map(({ body }) => body.toString('base64')),
    );
    expect(a.placeholder).toEqual(b.placeholder);
  });
});
