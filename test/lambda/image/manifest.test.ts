// Every file of the real images: correct outputs, or the right class of failure.
import { basename } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { closeIsolated } from '../../../lambda/image/isolated.ts';
import { haveImages, image, make, manifestRows } from './images.ts';

/** The class of each file that is not to be read. Everything else must be. */
const FAILURES: Readonly<Record<string, string>> = {
  'broken/corrupt-header.jpg': 'TruncatedImage',
  'broken/corrupted.jpg': 'CorruptImage',
  'broken/header-only.png': 'TruncatedImage',
  'broken/invalid_multiframe.gif': 'CorruptImage',
  'broken/malformed.svg': 'CorruptImage',
  'broken/ojpeg-strip.tif': 'UnsupportedImage',
  'broken/sample-garbled.avif': 'CorruptImage',
  'broken/sample_fried.png': 'CorruptImage',
  'broken/spoof.png': 'NotAnImage',
  'broken/text-renamed.jpg': 'NotAnImage',
  'broken/truncated.gif': 'TruncatedImage',
  'broken/truncated.jpg': 'TruncatedImage',
  'broken/truncated.png': 'TruncatedImage',
  'broken/truncated.svgz': 'NotAnImage',
  'broken/zero-byte.jpg': 'NotAnImage',
  'broken/zip.png': 'NotAnImage',
  'limits/17000x17000.avif': 'TooManyPixels',
  'limits/65536-uint32-limit.png': 'TooManyPixels',
  'limits/giant-image.jpg': 'TooManyPixels',
  'unsupported/blankpage.pdf': 'UnsupportedImage',
};

/** Sizes that the manifest lacks, as Pillow, ImageMagick and djxl say; of the icon it has the first picture's. */
const SIZES: Readonly<Record<string, readonly [string, string]>> = {
  'unsupported/favicon.ico': ['48', '48'],
  'unsupported/relax.jp2': ['320', '240'],
  'unsupported/sample.jxl': ['123', '456'],
};

/** What the image function has, less what Node and the runtime need beside. */
const MOST_MEGABYTES = 1200;

const RECIPE = {
  outputs: [
    { name: 'small', format: 'webp', resize: { width: 320, height: 320, fit: 'inside', withoutEnlargement: true } },
    { name: 'tiny', format: 'jpeg', resize: { width: 64, height: 64, fit: 'cover' } },
  ],
} as const;

describe.skipIf(!haveImages)('the real images', () => {
  const rows = haveImages ? manifestRows() : [];
  afterAll(closeIsolated);

  it('names every failure after a file that exists', () => {
    const paths = new Set(rows.map((row) => row['path']));
    expect(Object.keys(FAILURES).filter((path) => !paths.has(path))).toEqual([]);
  });

  it.for(rows.filter((row) => (row['path'] ?? '') in FAILURES).map((row) => row['path'] ?? ''))(
    'refuses %s with its class',
    async (path) => {
      const failure = await make(image(path), RECIPE).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).toMatchObject({ name: FAILURES[path], expected: expect.any(String), met: expect.any(String) });
      // A report is no place for paths of the machine, nor for libvips' many lines.
      expect((failure as Error).message).not.toMatch(/\n|\/work\/|\/home\//);
    },
  );

  it.for(rows.filter((row) => !((row['path'] ?? '') in FAILURES)))('makes correct outputs of $path', async (row) => {
    const path = row['path'] ?? '';
    const { source, renditions } = await make(image(path), RECIPE, {}, { key: basename(path) });
    const turned = Number(row['sharp_orientation'] || 1) >= 5;
    const [width, height] = SIZES[path] ?? (turned ? [row['height'], row['width']] : [row['width'], row['height']]);
    expect(source).toMatchObject({ width: Number(width), height: Number(height) });
    const [small, tiny] = await Promise.all(renditions.map(({ body }) => sharp(body).metadata()));
    const scale = Math.min(1, 320 / Math.max(source.width, source.height));
    expect(small?.format).toBe('webp');
    expect(Math.abs((small?.width ?? 0) - source.width * scale)).toBeLessThanOrEqual(1);
    expect(Math.abs((small?.pageHeight ?? small?.height ?? 0) - source.height * scale)).toBeLessThanOrEqual(1);
    expect(tiny).toMatchObject({ format: 'jpeg', width: 64, height: 64 });
    expect(renditions.map(({ body }) => body.length > 0)).toEqual([true, true]);
  });

  it('stays within the memory of the image function over all of them', () => {
    expect(process.resourceUsage().maxRSS / 1024).toBeLessThan(MOST_MEGABYTES);
  });
});
