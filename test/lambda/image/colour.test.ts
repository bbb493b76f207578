// The numbers in the output mean the colours of the source.
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { haveImages, image, make, makeOne } from './images.ts';

// Pixels are what is looked at: effort would only make them smaller.
const LOSSLESS = { lossless: true, effort: 0 };
const QUICK_PNG = { compressionLevel: 1 };

/** Mean of each channel from 0 to 255, by the numbers alone. */
async function means(body: Buffer): Promise<number[]> {
  const [{ channels }, { depth }] = await Promise.all([
    sharp(body, { ignoreIcc: true }).stats(),
    sharp(body).metadata(),
  ]);
  return channels.slice(0, 3).map(({ mean }) => (depth === 'ushort' ? mean / 257 : mean));
}

/** The profile's text, in which its name stands in UTF-16. */
async function profileOf(body: Buffer): Promise<string> {
  return ((await sharp(body).metadata()).icc ?? Buffer.alloc(0)).toString('latin1').replaceAll('\0', '');
}

function near(got: readonly number[], wanted: readonly number[], delta: number): void {
  for (const [place, value] of wanted.entries())
    expect(Math.abs((got[place] ?? Number.NaN) - value), `${got} is not ${wanted}`).toBeLessThanOrEqual(delta);
}

describe.skipIf(!haveImages)('real colours', () => {
  // Means in sRGB as littleCMS gives them for the embedded profile, perceptual intent, 8 bits. Delta: 2 of 255.
  it.for([
    ['icc-colour/tifftag-photoshop.tiff', [42.6, 43.6, 9.4]],
    ['icc-colour/p3.png', [255, 0, 0]],
    ['icc-colour/cielab-dagams.tiff', [90.6, 113.5, 65.1]],
  ] as const)('%s becomes sRGB', async ([name, reference]) => {
    near(await means((await makeOne(image(name), { format: 'png' })).body), reference, 2);
  });

  it.for([
    'icc-colour/tifftag-photoshop.tiff',
    'icc-colour/p3.png',
    'jpeg/large.jpg',
    'png/rgb16.png',
    'icc-colour/adobe-rgb-compatible_a98.jpg',
  ])('%s is the same in 8 bits, 16 bits and through intermediate pixels', async (name) => {
    const eight = await means((await makeOne(image(name), { format: 'webp', webp: LOSSLESS })).body);
    const { renditions } = await make(image(name), {
      outputs: [
        { name: 'png', format: 'png', png: QUICK_PNG },
        { name: 'webp', format: 'webp', webp: LOSSLESS },
      ],
    });
    for (const { body } of renditions) near(await means(body), eight, 2);
  });

  it('turns CMYK into the colours that its profile means', async () => {
    // FOGRA 0/100/100/0 is a warm red.
    const [red = 0, green = 0, blue = 0] = await means(
      (await makeOne(image('icc-colour/fogra-0-100-100-0.tif'), { format: 'png' })).body,
    );
    near([red, green, blue], [227, 6, 19], 8);
  });

  it.for([
    'icc-colour/Channel_digital_image_CMYK_color.jpg',
    'icc-colour/Channel_digital_image_CMYK_color_no_profile.jpg',
  ])('%s has three channels in every format', async (name) => {
    const { renditions } = await make(image(name), {
      outputs: ['jpeg', 'png', 'webp', 'avif'].map((format) => ({ name: format, format: format as 'jpeg' })),
    });
    for (const { body } of renditions) expect((await sharp(body).metadata()).space).toBe('srgb');
    const [first = [], ...others] = await Promise.all(renditions.map(({ body }) => means(body)));
    for (const other of others) near(other, first, 4);
  });

  it.for([
    'icc-colour/p3.png',
    'icc-colour/tifftag-photoshop.tiff',
    'jpeg/large.jpg',
    'png/rgb16.png',
    'icc-colour/Channel_digital_image_CMYK_color.jpg',
  ])('%s in Display P3 says so and means the same', async (name) => {
    const srgb = await means((await makeOne(image(name), { format: 'webp', webp: LOSSLESS })).body);
    for (const outputs of [
      [{ name: 'one', format: 'png' as const, png: QUICK_PNG }],
      [
        { name: 'a', format: 'png' as const, png: QUICK_PNG },
        { name: 'b', format: 'webp' as const, webp: LOSSLESS },
      ],
    ]) {
      const { renditions } = await make(image(name), { colour: 'p3', outputs });
      for (const { body } of renditions) {
        expect(await profileOf(body)).toContain('P3');
        const back = await sharp(body).withIccProfile('srgb').png(QUICK_PNG).toBuffer();
        near(await means(back), srgb, 4);
      }
    }
  });

  it('keeps numbers and profile when asked', async () => {
    const source = image('icc-colour/p3.png');
    for (const outputs of [[{ name: 'one' }], [{ name: 'a' }, { name: 'b', resize: { width: 4 } }]]) {
      const { renditions } = await make(source, { colour: 'keep', format: 'png', outputs });
      const [first] = renditions;
      near(await means(first?.body ?? Buffer.alloc(0)), await means(source), 0.5);
      expect((await sharp(first?.body).metadata()).icc).toEqual((await sharp(source).metadata()).icc);
    }
  });

  it('embeds sRGB with keepIcc', async () => {
    const { body } = await makeOne(image('icc-colour/tifftag-photoshop.tiff'), { format: 'jpeg', metadata: 'keepIcc' });
    const { icc, exif, xmp } = await sharp(body).metadata();
    expect(icc).toBeDefined();
    expect(await profileOf(body)).toContain('sRGB');
    expect([exif, xmp]).toEqual([undefined, undefined]);
    near(await means(body), [42.6, 43.6, 9.4], 2);
  });
});

describe('depth', () => {
  let deep: Buffer;
  beforeAll(async () => {
    const samples = Uint16Array.from({ length: 64 * 64 * 3 }, (_, place) => (place * 37) % 65_536);
    deep = await sharp(samples, { raw: { width: 64, height: 64, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
  });

  it('keeps 16 bits where the format can, alone and beside others', async () => {
    const alone = await makeOne(deep, { format: 'png' });
    expect(
      (await sharp(alone.body).raw({ depth: 'ushort' }).toColourspace('rgb16').toBuffer()).equals(
        await sharp(deep).raw({ depth: 'ushort' }).toColourspace('rgb16').toBuffer(),
      ),
    ).toBe(true);
    const { renditions } = await make(deep, {
      outputs: ['png', 'tiff', 'jpeg', 'webp'].map((format) => ({ name: format, format: format as 'png' })),
    });
    const depths = await Promise.all(renditions.map(async ({ body }) => (await sharp(body).metadata()).depth));
    expect(depths).toEqual(['ushort', 'ushort', 'uchar', 'uchar']);
  });

  it('lays transparency on white where the format has none', async () => {
    const clear = await sharp({ create: { width: 8, height: 8, channels: 4, background: '#ff000000' } })
      .png()
      .toBuffer();
    const { renditions } = await make(clear, {
      outputs: [
        { name: 'a', format: 'jpeg' },
        { name: 'b', format: 'jpeg', flatten: { background: '#0000ff' } },
        { name: 'c', format: 'png' },
      ],
    });
    near(await means(renditions[0]?.body ?? deep), [255, 255, 255], 1);
    near(await means(renditions[1]?.body ?? deep), [0, 0, 254], 2);
    expect((await sharp(renditions[2]?.body).metadata()).hasAlpha).toBe(true);
  });
});
