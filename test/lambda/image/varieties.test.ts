// Varieties of files that are read otherwise than libvips alone would, or refused by name: each fault with its siblings.
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { chunk, pngOf } from '../../../lambda/image/decoders/carrier.ts';
import { curveOfGamma, greyCurve, rgbProfile } from '../../../lambda/image/icc.ts';
import { closeIsolated } from '../../../lambda/image/isolated.ts';
import { urlOf } from '../../../lambda/image/manifest.ts';
import { haveImages, image, make, makeOne, manifestRows } from './images.ts';

afterAll(closeIsolated);

const FAULTS = new URL('../../../../shared/faults/', import.meta.url);
const fault = (name: string): Buffer => readFileSync(new URL(name, FAULTS));
const haveFaults = haveImages && existsSync(FAULTS);

/** The first pixel, as the file has it. */
async function first(body: Buffer): Promise<number[]> {
  const { data } = await sharp(body).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return [...data.subarray(0, 3)];
}

describe.skipIf(!haveFaults)('refused by name', () => {
  it.each([
    ['12bit.jpg', '12 bits'],
    ['lab8.tif', 'Lab colour of 8 bits'],
  ])('%s', async (name, met) => {
    await expect(make(fault(name), 'thumbnail')).rejects.toMatchObject({ name: 'UnsupportedImage', met });
  });

  it.each(['2x2.gif', '940x2.png'])('%s is too small to be trimmed, and not damaged', async (name) => {
    await expect(make(fault(name), { trim: {}, format: 'png' })).rejects.toMatchObject({ name: 'RecipeMismatch' });
  });
});

/** A TIFF of 2 x 2 pixels with these tags beside the usual ones: what its samples say is not looked at. */
function tiff(tags: Readonly<Record<number, readonly [type: number, value: number]>>): Buffer {
  const all = {
    256: [3, 2],
    257: [3, 2],
    258: [3, 8],
    259: [3, 1],
    262: [3, 1],
    273: [4, 200],
    277: [3, 1],
    278: [3, 2],
    279: [4, 64],
    ...tags,
  };
  const entries = Object.entries(all).sort(([a], [b]) => Number(a) - Number(b));
  const file = Buffer.alloc(264);
  file.write('II*\0', 'latin1');
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(entries.length, 8);
  for (const [place, [tag, [type, value]]] of entries.entries()) {
    const at = 10 + place * 12;
    file.writeUInt16LE(Number(tag), at);
    file.writeUInt16LE(type as number, at + 2);
    file.writeUInt32LE(1, at + 4);
    file.writeUInt32LE(value as number, at + 8);
  }
  return file;
}

describe('TIFF that libvips reads wrong or not at all', () => {
  it.each([
    ['old-style JPEG', { 259: [3, 6] }, 'old-style JPEG compression'],
    ['Zstandard', { 259: [3, 50_000] }, 'Zstandard compression'],
    ['LZMA', { 259: [3, 34_925] }, 'LZMA compression'],
    ['floats', { 258: [3, 32], 339: [3, 3] }, 'floating point samples'],
    ['32-bit integers', { 258: [3, 32] }, '32 bits per sample'],
    ['7 bits', { 258: [3, 7] }, '7 bits per sample'],
    ['10 bits', { 258: [3, 10] }, '10 bits per sample'],
    ['12 bits', { 258: [3, 12] }, '12 bits per sample'],
    ['CMYK in tiles', { 262: [3, 5], 322: [3, 16], 323: [3, 16] }, 'CMYK in tiles'],
    ['planes in tiles', { 284: [3, 2], 322: [3, 16], 323: [3, 16] }, 'separate planes in tiles'],
  ] as const)('%s', async (_what, tags, met) => {
    await expect(make(tiff(tags as never), 'thumbnail')).rejects.toMatchObject({ name: 'UnsupportedImage', met });
  });

  it('the plain one beside them is read', async () => {
    await expect(make(tiff({}), 'thumbnail')).resolves.toBeDefined();
  });
});

describe('JPEG of other processes', () => {
  it.each([
    [0xc3, 'lossless compression'],
    [0xc5, 'hierarchical compression'],
    [0xf7, 'lossless compression (JPEG-LS)'],
  ])('with a frame of marker %i', async (marker, met) => {
    const body = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    const at = body.indexOf(Buffer.from([0xff, 0xc0]));
    body[at + 1] = marker;
    await expect(make(body, 'thumbnail')).rejects.toMatchObject({ name: 'UnsupportedImage', met });
  });
});

describe('PNG that says its curve without a profile', () => {
  const grey = (bits: 8 | 16, channels: 1 | 3, chunks: readonly Buffer[]): Buffer => {
    const value = bits === 8 ? [64] : [64, 64];
    const data = Buffer.from(Array.from({ length: 16 * channels }, () => value).flat());
    const png = pngOf({ width: 4, height: 4, channels, depth: bits, data });
    return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
  };
  const gamma = (value: number): Buffer => {
    const data = Buffer.alloc(4);
    data.writeUInt32BE(value);
    return chunk('gAMA', data);
  };

  // Linear 64/255 is 137/255 by sRGB's curve (IEC 61966-2-1): 255 * (1.055 * 0.251 ** (1 / 2.4) - 0.055).
  it.each([
    [8, 1],
    [8, 3],
    [16, 1],
    [16, 3],
  ] as const)('gAMA 1.0 of %i bits in %i channels is converted', async (bits, channels) => {
    const [value] = await first((await makeOne(grey(bits, channels, [gamma(100_000)]), { format: 'png' })).body);
    expect(Math.abs((value ?? 0) - 137)).toBeLessThanOrEqual(1);
  });

  it.each([
    ["sRGB's own gAMA", [gamma(45_455)]],
    ['gAMA beside sRGB', [gamma(100_000), chunk('sRGB', Buffer.from([0]))]],
    ['cICP of sRGB beside gAMA', [chunk('cICP', Buffer.from([1, 13, 0, 1])), gamma(100_000)]],
    ['nothing', []],
  ])('%s leaves the values', async (_what, chunks) => {
    expect(await first((await makeOne(grey(8, 3, chunks), { format: 'png' })).body)).toEqual([64, 64, 64]);
  });

  it('cICP of Display P3 is converted, of PQ refused', async () => {
    const red = pngOf({
      width: 2,
      height: 2,
      channels: 3,
      depth: 8,
      data: Buffer.from([200, 0, 0, 200, 0, 0, 200, 0, 0, 200, 0, 0]),
    });
    const said = (primaries: number, transfer: number): Buffer =>
      Buffer.concat([red.subarray(0, 33), chunk('cICP', Buffer.from([primaries, transfer, 0, 1])), red.subarray(33)]);
    const [value] = await first((await makeOne(said(12, 13), { format: 'png' })).body);
    expect(value).toBeGreaterThan(210);
    await expect(make(said(9, 16), 'thumbnail')).rejects.toMatchObject({ name: 'UnsupportedImage', met: 'PQ (HDR)' });
  });
});

describe.skipIf(!haveFaults)('grey with a profile', () => {
  it.each([
    ['grey16-linear.png', 'thumbnail'],
    ['grey8-linear-control.png', 'thumbnail'],
    ['png-gama-1.png', { format: 'png' }],
    ['grey16-linear.png', { format: 'png' }],
    ['grey16-linear.png', { format: 'png', metadata: 'keepIcc' }],
  ] as const)('%s becomes the grey of sRGB (%j)', async (name, recipe) => {
    const [value] = await first((await makeOne(fault(name), recipe as never)).body);
    expect(Math.abs((value ?? 0) - 137)).toBeLessThanOrEqual(1);
  });

  it.each(['grey16-linear.png', 'grey8-linear-control.png'])(
    '%s keeps its values and its curve when colours are kept',
    async (name) => {
      const { body } = await makeOne(fault(name), { format: 'png', colour: 'keep', metadata: 'keep' });
      const { icc } = await sharp(body).metadata();
      expect(icc).toBeDefined();
      const { data } = await sharp(body).keepIccProfile().raw().toBuffer({ resolveWithObject: true });
      expect(data[0]).toBe(64);
      // The profile says linear: by it the values are 137.
      expect(Math.abs(((await first(body))[0] ?? 0) - 137)).toBeLessThanOrEqual(1);
    },
  );
});

describe('profiles made here', () => {
  it('are read by LittleCMS, and hold the curve of a grey one', async () => {
    const profile = rgbProfile(curveOfGamma(1));
    const data = Buffer.alloc(48, 64);
    const png = pngOf({ width: 4, height: 4, channels: 3, depth: 8, data, icc: profile });
    expect(Math.abs(((await first(png))[0] ?? 0) - 137)).toBeLessThanOrEqual(1);
    expect(greyCurve(profile)).toBeUndefined();
    expect(greyCurve(Buffer.alloc(10))).toBeUndefined();
  });
});

describe('SVG', () => {
  const square = '<rect width="100%" height="100%" fill="red"/>';
  it.each([
    ['without a size', `<svg xmlns="http://www.w3.org/2000/svg">${square}</svg>`, 300, 150],
    ['with a size', `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">${square}</svg>`, 40, 20],
    ['with a viewBox', `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 50 30">${square}</svg>`, 50, 30],
    [
      'behind 5,000 bytes of comment',
      `<?xml version="1.0"?><!-- ${'words '.repeat(1000)} --><svg xmlns="http://www.w3.org/2000/svg" width="8" height="6">${square}</svg>`,
      8,
      6,
    ],
  ])('%s has the size that browsers give it, also compressed', async (_what, text, width, height) => {
    for (const body of [Buffer.from(text), gzipSync(text)]) {
      expect((await make(body, { format: 'png' })).source).toMatchObject({ format: 'svg', width, height });
    }
  });

  it('is not what only mentions it', async () => {
    const page = Buffer.from(`<!-- <svg> --><html><svg/></html>`);
    await expect(make(page, { format: 'png' })).rejects.toBeDefined();
  });
});

it('a loop of 65,536 is no damage', async () => {
  const frames = Buffer.alloc(2 * 4 * 3, 90).fill(200, 12);
  const gif = await sharp(frames, { raw: { width: 2, height: 4, channels: 3, pageHeight: 2 } })
    .gif({ loop: 7, delay: [100, 100] })
    .toBuffer();
  const at = gif.indexOf('NETSCAPE2.0') + 13;
  gif.writeUInt16LE(0xffff, at);
  for (const format of ['gif', 'webp'] as const)
    await expect(make(gif, { format, resize: { width: 1 } })).resolves.toBeDefined();
});

describe.skipIf(!haveImages)('classes of broken images', () => {
  it('are the same in ten runs with all of them at work at once', { timeout: 300_000 }, async () => {
    const paths = manifestRows()
      .map(({ path = '' }) => path)
      .filter((path) => path.startsWith('broken/'));
    const classes = async (): Promise<string[]> =>
      Promise.all(
        paths.map(async (path) =>
          make(image(path), 'thumbnail').then(
            () => 'read',
            (error: Error) => error.name,
          ),
        ),
      );
    const alone: string[] = [];
    for (const path of paths)
      alone.push(
        await make(image(path), 'thumbnail').then(
          () => 'read',
          (error: Error) => error.name,
        ),
      );
    for (let round = 0; round < 10; round++) expect(await classes()).toEqual(alone);
  });
});

describe('srcset', () => {
  it.each([
    ['a b,c.webp', 'a%20b%2Cc.webp'],
    ['shop#1/a?b.webp', 'shop%231/a%3Fb.webp'],
    ['a:b/c.webp', './a:b/c.webp'],
    ['a/b:c.webp', 'a/b:c.webp'],
    ['../ü.webp', '../%C3%BC.webp'],
    ['100%.webp', '100%25.webp'],
  ])('%s is the URL %s, which leads back to it', (path, url) => {
    expect(urlOf(path)).toBe(url);
    const base = 'https://example.org/x/y/';
    const resolved = new URL(url, base);
    expect(resolved.hash + resolved.search).toBe('');
    const expected = path.startsWith('../') ? `/x/${path.slice(3)}` : `/x/y/${path}`;
    expect(decodeURIComponent(resolved.pathname)).toBe(expected);
  });

  it('holds outputs of one crop only', async () => {
    const body = await sharp({ create: { width: 800, height: 400, channels: 3, background: 'teal' } })
      .jpeg()
      .toBuffer();
    const { renditions } = await make(body, {
      format: 'webp',
      key: '{name}-{output}.{format}',
      outputs: [
        { name: 'wide', resize: { width: 400 } },
        { name: 'wider', resize: { width: 600 } },
        { name: 'square', resize: { width: 200, height: 200, fit: 'cover' } },
        { name: 'square-top', resize: { width: 100, height: 100, fit: 'cover', position: 'top' } },
      ],
      manifest: { key: '{name}.json' },
    });
    const { sources } = JSON.parse(renditions.at(-1)?.body.toString() ?? '') as { sources: { srcset: string }[] };
    expect(sources.map(({ srcset }) => srcset)).toEqual([
      'photo-wide.webp 400w, photo-wider.webp 600w',
      'photo-square.webp 200w',
      'photo-square-top.webp 100w',
    ]);
  });
});
