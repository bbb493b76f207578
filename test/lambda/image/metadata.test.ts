// Private by default: what a camera writes about where and with what stays out, unless it is asked for.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { rightsOf } from '../../../lambda/image/copyright.ts';
import { haveImages, image, make, makeOne } from './images.ts';

const FORMATS = ['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const;
const ALL = { outputs: FORMATS.map((format) => ({ name: format, format, resize: { width: 100 } })) };

/** Serial numbers as they stand in maker notes, by file. */
const SERIALS = { 'photos/42_IndexError.jpg': ['B9V508278', '4124207000283102'] } as const;
const LOCATED = [
  'photos/DSCN0010.jpg',
  'photos/HMD_Nokia_8.3_5G.jpg',
  'photos/iphone_hdr_NO.jpg',
  'avif-heic/avif-orientation-6.avif',
] as const;
const OTHERS = [
  'photos/jolla.jpg',
  'photos/Reconyx_HC500_Hyperfire.jpg',
  'photos/22-canon_tags.jpg',
  'photos/canon_hdr_YES.jpg',
] as const;

/** Whether there is a GPS directory in the image's EXIF. */
async function isLocated(body: Buffer): Promise<boolean> {
  return tagPlace((await sharp(body).metadata()).exif ?? Buffer.alloc(0), 0x8825) >= 0;
}

/** Where a tag stands in an EXIF block of either byte order, -1 for nowhere. */
function tagPlace(exif: Buffer, tag: number): number {
  const little = exif.toString('latin1', 6, 8) === 'II';
  return exif.indexOf(Buffer.from(little ? [tag & 255, tag >> 8] : [tag >> 8, tag & 255]), 6);
}

describe('metadata', () => {
  it.skipIf(!haveImages).for([...Object.keys(SERIALS), ...LOCATED, ...OTHERS])(
    'strips all of %s in every format',
    async (name) => {
      const source = image(name);
      expect((await sharp(source).metadata()).exif).toBeDefined();
      for (const { body } of (await make(source, ALL)).renditions) {
        const { exif, xmp, iptc, icc, comments } = await sharp(body).metadata();
        expect({ exif, xmp, iptc, icc, comments }).toEqual({});
        for (const text of ['GPS', 'Exif', ...Object.values(SERIALS).flat()])
          expect(body.includes(text), text).toBe(false);
      }
    },
  );

  it.skipIf(!haveImages)('is proven on files that have GPS and serial numbers', async () => {
    for (const name of LOCATED) expect(await isLocated(image(name)), name).toBe(true);
    for (const [name, serials] of Object.entries(SERIALS)) {
      for (const serial of serials) expect(image(name).includes(serial)).toBe(true);
    }
  });

  it.skipIf(!haveImages)('keeps EXIF when asked, alone and through intermediate pixels', async () => {
    const { renditions } = await make(image('photos/DSCN0010.jpg'), {
      metadata: 'keep',
      outputs: [
        { name: 'a', format: 'jpeg' },
        { name: 'b', format: 'webp', resize: { width: 100 } },
      ],
    });
    for (const { body } of [
      ...renditions,
      await makeOne(image('photos/DSCN0010.jpg'), { metadata: 'keep', format: 'jpeg' }),
    ]) {
      expect(await isLocated(body)).toBe(true);
    }
  });

  it('keeps policies of outputs apart', async () => {
    const source = await sharp({ create: { width: 40, height: 40, channels: 3, background: 'red' } })
      .withExif({ IFD0: { Model: 'Pinhole', Copyright: 'Ada' } })
      .jpeg()
      .toBuffer();
    const { renditions } = await make(source, {
      format: 'jpeg',
      outputs: [{ name: 'kept', metadata: 'keep' }, { name: 'stripped' }, { name: 'signed', copyright: true }],
    });
    const [kept, stripped, signed] = await Promise.all(
      renditions.map(async ({ body }) => (await sharp(body).metadata()).exif?.toString('latin1')),
    );
    expect(kept).toContain('Pinhole');
    expect(stripped).toBeUndefined();
    expect(signed).toContain('Ada');
    expect(signed).not.toContain('Pinhole');
  });

  it('keeps the copyright alone from a single pipeline, too', async () => {
    const source = await sharp({ create: { width: 40, height: 40, channels: 3, background: 'red' } })
      .withExif({ IFD0: { Model: 'Pinhole', Copyright: 'Ada', Artist: 'Grace' } })
      .jpeg()
      .toBuffer();
    const { exif } = await sharp(
      (await makeOne(source, { format: 'webp', copyright: true, resize: { width: 10 } })).body,
    ).metadata();
    expect(rightsOf(exif ?? Buffer.alloc(0))).toEqual({ artist: Buffer.from('Grace'), copyright: Buffer.from('Ada') });
    expect(exif?.includes('Pinhole')).toBe(false);
  });

  it('reads nothing from a damaged EXIF block', () => {
    expect(rightsOf(Buffer.from('Exif\0\0II*\0\xff\xff\xff\xff', 'latin1'))).toEqual({});
    expect(rightsOf(Buffer.alloc(3))).toEqual({});
  });
});
