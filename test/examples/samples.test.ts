// The sample images: the same bytes on every run, every format and orientation, and a place that outputs must not tell.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { SAMPLES, type Sample } from '../../examples/samples/catalogue.ts';

// The camera photos take seconds to paint, and are painted by the same few functions.
const QUICK = SAMPLES.filter(({ path }) => /^(orientation|print|web)\//.test(path));

function sample(path: string): Sample {
  const found = SAMPLES.find((candidate) => candidate.path === path);
  if (found === undefined) throw new Error(`There is no sample ${path}`);
  return found;
}

const painted = new Map<string, Promise<Uint8Array>>();

/** A sample's bytes, painted once for all tests. */
function bytesOf(path: string): Promise<Uint8Array> {
  const bytes = painted.get(path) ?? sample(path).bytes();
  painted.set(path, bytes);
  return bytes;
}

describe('the samples', () => {
  it('are a few dozen, each at its own path', () => {
    const paths = SAMPLES.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    expect(paths.length).toBeGreaterThanOrEqual(36);
  });

  it('share no name within a folder but for the extension: their renditions would meet', () => {
    const names = SAMPLES.map(({ path }) => path.replace(/\.\w+$/, ''));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(QUICK.map((one) => [one.path, one] as const))(
    '%s decodes, and is painted alike twice',
    async (path, { bytes }) => {
      const [first, second] = [await bytesOf(path), await bytes()];
      expect(Buffer.compare(first, second)).toBe(0);
      await expect(sharp(first, { animated: true, failOn: 'warning' }).raw().toBuffer()).resolves.toBeDefined();
    },
  );

  it('look alike in all eight orientations', async () => {
    const upright = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7, 8].map(async (orientation) => {
        const bytes = await bytesOf(`orientation/landscape-${orientation}.jpg`);
        expect((await sharp(bytes).metadata()).orientation).toBe(orientation);
        return sharp(bytes).autoOrient().raw().toBuffer();
      }),
    );
    const first = upright[0] as Buffer;
    for (const pixels of upright) {
      const difference =
        pixels.reduce((sum, value, at) => sum + Math.abs(value - (first[at] as number)), 0) / first.length;
      // JPEG's blocks fall differently on turned pixels; a wrong turn differs by dozens.
      expect(difference).toBeLessThan(3);
    }
  });

  it('hold a camera and a place in EXIF', async () => {
    const { exif } = await sharp(await bytesOf('orientation/landscape-6.jpg')).metadata();
    expect(exif?.toString('latin1')).toContain('Sample Camera 1');
    // The tag of the GPS directory, 0x8825, in either byte order.
    expect(exif?.includes(Buffer.from([0x88, 0x25])) || exif?.includes(Buffer.from([0x25, 0x88]))).toBe(true);
  });

  it.each([
    ['web/spinner.gif', { format: 'gif', pages: 12 }],
    ['web/turning.webp', { format: 'webp', pages: 10 }],
    ['web/flower.png', { format: 'png', hasAlpha: true }],
    ['web/chart.png', { format: 'png', isPalette: true }],
    ['print/dusk-16-bit.png', { format: 'png', depth: 'ushort' }],
    ['print/cover-cmyk.jpg', { format: 'jpeg', space: 'cmyk' }],
    ['web/photo.avif', { format: 'heif', compression: 'av1' }],
    ['web/logo.svg', { format: 'svg' }],
    ['print/scan.tif', { format: 'tiff' }],
    ['camera/progressive.jpg', { format: 'jpeg', isProgressive: true }],
  ])('%s is %o', async (path, expected) => {
    expect(await sharp(await bytesOf(path)).metadata()).toMatchObject(expected);
  });
});
