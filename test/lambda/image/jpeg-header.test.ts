// The header of an ordinary JPEG: what sharp says of it, and nothing at all where the file is out of the ordinary.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutated } from '../../../bench/harness/mutate.ts';
import { ordinaryJpeg } from '../../../lambda/image/jpeg-header.ts';
import { sharp } from '../../../lambda/image/sharp.ts';
import type { Header } from '../../../lambda/image/source-image.ts';
import { haveImages, image, manifestRows } from './images.ts';

/** All that is used of a header; of blocks whether they are there, and of EXIF, which is read further, its length. */
const told = ({ width, height, autoOrient, space, depth, hasAlpha, hasProfile, orientation, ...more }: Header) => ({
  ...{ width, height, autoOrient, space, depth, hasAlpha, hasProfile, orientation },
  ...{ pages: more.pages, pageHeight: more.pageHeight, delay: more.delay, loop: more.loop },
  ...{ compression: more.compression, comments: more.comments },
  ...{ exif: more.exif?.length, xmp: more.xmp !== undefined, iptc: more.iptc !== undefined },
});

const sharpSays = (body: Buffer): Promise<Header> =>
  sharp(body, { failOn: 'warning', limitInputPixels: false }).metadata();

const made = fc.record({
  width: fc.integer({ min: 1, max: 70 }),
  height: fc.integer({ min: 1, max: 70 }),
  channels: fc.constantFrom(1 as const, 3 as const),
  progressive: fc.boolean(),
  chromaSubsampling: fc.constantFrom('4:2:0', '4:4:4'),
  orientation: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
  profile: fc.constantFrom(undefined, 'srgb', 'p3'),
  artist: fc.option(fc.string({ minLength: 1, maxLength: 20 }), { nil: undefined }),
  xmp: fc.boolean(),
});

it('agrees with sharp on what sharp writes, whatever size, colours, blocks and orientation', async () => {
  let ordinary = 0;
  await fc.assert(
    fc.asyncProperty(made, async ({ width, height, channels, progressive, chromaSubsampling, ...blocks }) => {
      const pixels = { create: { width, height, channels: 3, background: 'teal' } } as const;
      let pipeline = sharp(pixels).jpeg({ progressive, chromaSubsampling });
      if (channels === 1) pipeline = pipeline.toColourspace('b-w');
      if (blocks.profile !== undefined) pipeline = pipeline.withIccProfile(blocks.profile);
      if (blocks.artist !== undefined) pipeline = pipeline.withExif({ IFD0: { Artist: blocks.artist } });
      if (blocks.xmp) pipeline = pipeline.withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>');
      if (blocks.orientation !== undefined) pipeline = pipeline.withMetadata({ orientation: blocks.orientation });
      const body = await pipeline.toBuffer();
      const header = ordinaryJpeg(body);
      if (header === undefined) return;
      ordinary += 1;
      expect(told(header)).toEqual(told(await sharpSays(body)));
    }),
    { numRuns: 100 },
  );
  expect(ordinary).toBeGreaterThan(60);
});

describe.skipIf(!haveImages)('of real files', () => {
  const isJpeg = (body: Buffer): boolean => body[0] === 0xff && body[1] === 0xd8;
  const jpegs = manifestRows()
    .map(({ path = '' }) => path)
    .filter((path) => /\.jpe?g$/i.test(path));

  it('agrees with sharp', async () => {
    let ordinary = 0;
    for (const path of jpegs) {
      const body = image(path);
      const header = isJpeg(body) ? ordinaryJpeg(body) : undefined;
      if (header === undefined) continue;
      ordinary += 1;
      // What sharp refuses at once is refused when it is decoded.
      const sharps = await sharpSays(body).catch(() => undefined);
      if (sharps !== undefined) expect(told(header), path).toEqual(told(sharps));
    }
    expect(ordinary).toBeGreaterThan(20);
  });

  it.each([
    'icc-colour/Channel_digital_image_CMYK_color.jpg',
    'icc-colour/sample-xyb.jpg',
    'jpeg/gain-map.jpg',
    'jpeg/test1.arith.jpg',
  ])('has nothing to say of %s', (path) => {
    expect(ordinaryJpeg(image(path))).toBeUndefined();
  });

  it('agrees with sharp on damaged files, or has nothing to say of them', async () => {
    // Headers are what matters: without most of the pixels ten times as many fit the time.
    const bodies = jpegs
      .map(image)
      .filter(isJpeg)
      .map((body) => Buffer.concat([body.subarray(0, 40_000), body.subarray(-2)]));
    let ordinary = 0;
    for (let index = 0; index < 1500; index += 1) {
      const body = mutated(bodies, 11, index);
      const header = ordinaryJpeg(body);
      if (header === undefined) continue;
      const sharps = await sharpSays(body).catch(() => undefined);
      if (sharps === undefined) continue;
      ordinary += 1;
      expect(told(header), `mutation ${index}`).toEqual(told(sharps));
    }
    expect(ordinary).toBeGreaterThan(300);
  });
});
