// Pages: what becomes of a source with several, by recipe; each page judged by what sharp alone makes of it.
import { existsSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { framesTiffOf } from '../../../lambda/image/decoders/carrier.ts';
import { closeIsolated } from '../../../lambda/image/isolated.ts';
import { resolveRecipe } from '../../../lambda/recipe/recipe.ts';
import { haveImages, image, make, makeOne } from './images.ts';

afterAll(closeIsolated);

const FAULTS = new URL('../../../../shared/faults/', import.meta.url);
const haveFaults = existsSync(FAULTS);
if (!haveFaults && process.env['CI'] !== undefined) throw new Error(`missing: ${FAULTS.pathname}`);

const ALL = { format: 'png', pages: 'all', key: '{dir}{name}-{page}.{format}' } as const;

/** A TIFF of three pages of one colour each. */
const COLOURS = [
  [200, 0, 0],
  [0, 200, 0],
  [0, 0, 200],
] as const;
function threePages(width = 8, height = 6): Buffer {
  const frames = COLOURS.map((colour) => Buffer.from(Array.from({ length: width * height }, () => colour).flat()));
  return framesTiffOf({ width, height, channels: 3, depth: 8, orientation: 1, frames });
}

async function colour(body: Buffer, page = 0): Promise<number[]> {
  return [...(await sharp(body, { page }).removeAlpha().raw().toBuffer()).subarray(0, 3)];
}

describe('a source of several pages', () => {
  it('gives its first page unless the recipe says more, and tells how many it has', async () => {
    const { source, renditions } = await make(threePages(), { format: 'png', key: '{name}-{page}.{format}' });
    expect(source).toEqual({ format: 'tiff', width: 8, height: 6, pages: 3 });
    expect(renditions.map(({ key, page }) => [key, page])).toEqual([['photo-1.png', undefined]]);
  });

  it('becomes one output per page, output by output', async () => {
    const { source, renditions } = await make(threePages(), {
      pages: 'all',
      outputs: [
        { name: 'small', format: 'webp', webp: { lossless: true }, resize: { width: 4 } },
        { name: 'whole', format: 'png' },
      ],
    });
    expect(source.pages).toBe(3);
    expect(renditions.map(({ key, page }) => [key, page])).toEqual([
      ...[1, 2, 3].map((page) => [`photo-small-${page}.webp`, page]),
      ...[1, 2, 3].map((page) => [`photo-whole-${page}.png`, page]),
    ]);
    for (const [place, { body }] of renditions.entries()) {
      expect(await colour(body)).toEqual([...(COLOURS[place % 3] as readonly number[])]);
    }
  });

  it('of one page has the number 1', async () => {
    const body = await sharp({ create: { width: 3, height: 3, channels: 3, background: '#123' } })
      .jpeg()
      .toBuffer();
    const { key, page } = await makeOne(body, { format: 'png', pages: 'all' });
    expect([key, page]).toEqual(['photo-1.png', undefined]);
  });

  it('fails where the recipe says so', async () => {
    await expect(make(threePages(), { format: 'png', pages: 'fail' })).rejects.toMatchObject({
      name: 'RecipeMismatch',
      message: expect.stringContaining('would lose 2 of 3 pages'),
    });
    const whole = { ...ALL, animated: 'fail' } as const;
    expect((await make(threePages(), whole)).renditions).toHaveLength(3);
  });

  it('is held to the limits of frames and of pixels, over all pages together', async () => {
    await expect(make(threePages(), ALL, { frames: 2 })).rejects.toMatchObject({ name: 'TooManyFrames' });
    await expect(make(threePages(), ALL, { pixels: 100 })).rejects.toMatchObject({ name: 'TooManyPixels' });
    expect((await make(threePages(), { format: 'png' }, { frames: 2, pixels: 100 })).renditions).toHaveLength(1);
  });

  it('that is handed on as it is by an archive is not cut to its pages', async () => {
    // Heavier than anything that is made of it: the original will do, but not in place of a page.
    const recipe = {
      extends: 'archive',
      pages: 'all',
      key: '{dir}{name}-{page}.{ext}',
      outputs: [{ name: 'archive', key: '{dir}{name}-{page}.{ext}' }],
    } as const;
    const { renditions } = await make(threePages(200, 200), recipe);
    expect(renditions).toHaveLength(3);
    for (const { body } of renditions) expect((await sharp(body).metadata()).pages ?? 1).toBe(1);
  });

  it('with two keys alike is refused', async () => {
    const frames = Array.from({ length: 11 }, () => Buffer.alloc(11 * 3));
    const body = framesTiffOf({ width: 11, height: 1, channels: 3, depth: 8, orientation: 1, frames });
    // The last page becomes narrow: its page 11 and width 1 read as page 1 and width 11.
    let at = body.readUInt32LE(4);
    for (let page = 1; page < 11; page++) at = body.readUInt32LE(at + 2 + body.readUInt16LE(at) * 12);
    body.writeUInt32LE(1, at + 2 + 8);
    await expect(make(body, { ...ALL, key: '{name}{width}{page}.{format}' })).rejects.toMatchObject({
      name: 'RecipeMismatch',
      message: expect.stringContaining('photo111.png twice'),
    });
  });

  it('lists all pages in its manifest, each with a srcset of its own', async () => {
    const { renditions } = await make(threePages(), {
      pages: 'all',
      format: 'webp',
      widths: [2, 4],
      key: '{name}/{page}-{width}.{format}',
      outputs: [{ name: 'a' }],
      manifest: { key: '{name}/manifest.json' },
    });
    const document = JSON.parse(String(renditions.at(-1)?.body));
    expect(document.outputs).toHaveLength(6);
    expect(document.sources).toEqual(
      [1, 2, 3].map((page) => ({
        ...{ type: 'image/webp', page, crop: page - 1 },
        srcset: `${page}-2.webp 2w, ${page}-4.webp 4w`,
      })),
    );
  });

  it('has smaller copies of a page in it that are none', async () => {
    const body = threePages();
    // The directories follow one another, each before its pixels: the second becomes a reduced copy.
    const first = body.readUInt32LE(4);
    const second = body.readUInt32LE(first + 2 + body.readUInt16LE(first) * 12);
    // Tag 284, planar configuration 1, is the default: its entry is free for NewSubfileType, though out of order.
    const entry = second + 2;
    const entries = body.readUInt16LE(second);
    const moved = Buffer.from(body.subarray(entry, entry + 10 * 12));
    body.set(moved, entry + 12);
    body.writeUInt16LE(254, entry);
    body.writeUInt16LE(4, entry + 2);
    body.writeUInt32LE(1, entry + 4);
    body.writeUInt32LE(1, entry + 8);
    expect(entries).toBe(11);
    const { source, renditions } = await make(body, ALL);
    expect(source.pages).toBe(2);
    expect(await colour(renditions[1]?.body as Buffer)).toEqual([0, 0, 200]);
  });
});

describe.skipIf(!haveImages)('real files of several pages', () => {
  it.skipIf(!haveFaults)('of TIFF: each page is what sharp makes of it', async () => {
    for (const body of [readFileSync(new URL('multipage-4.tif', FAULTS)), image('tiff/G31D_MULTI.TIF')]) {
      const { source, renditions } = await make(body, ALL);
      const { pages = 0 } = await sharp(body).metadata();
      expect(pages).toBeGreaterThan(1);
      expect(source.pages).toBe(pages);
      expect(renditions).toHaveLength(pages);
      for (const [page, made] of renditions.entries()) {
        const alone = await sharp(body, { page, failOn: 'error' }).autoOrient().png().toBuffer();
        const [a, b] = await Promise.all(
          [made.body, alone].map((one) => sharp(one).toColourspace('srgb').raw().toBuffer()),
        );
        expect((a as Buffer).equals(b as Buffer)).toBe(true);
      }
    }
  });

  it('of icons: the largest first', async () => {
    const { source, renditions } = await make(image('unsupported/favicon.ico'), ALL);
    expect(renditions).toHaveLength(source.pages ?? 1);
    const widths = renditions.map(({ width }) => width ?? 0);
    expect(widths).toEqual([...widths].sort((a, b) => b - a));
  });

  it.each(['gif/rotating-squares.gif', 'webp/rotating-squares.webp'])(
    'of animations: %s becomes its frames where the format holds none, and stays one file where it does',
    async (name) => {
      const body = image(name);
      const { pages = 0 } = await sharp(body).metadata();
      const { renditions } = await make(body, {
        pages: 'all',
        outputs: [
          { name: 'still', format: 'png' },
          { name: 'moving', format: 'webp' },
        ],
      });
      const moving = renditions.at(-1);
      expect(renditions.slice(0, -1).map(({ page }) => page)).toEqual(
        Array.from({ length: pages }, (_, place) => place + 1),
      );
      // Encoders merge frames that are alike.
      expect(moving?.page).toBeUndefined();
      expect(moving?.pages ?? 0).toBeGreaterThan(1);
      const third = await sharp(body, { page: 2 }).ensureAlpha().raw().toBuffer();
      expect((await sharp(renditions[2]?.body).ensureAlpha().raw().toBuffer()).equals(third)).toBe(true);
      expect((await make(body, { ...ALL, animated: 'first' })).renditions).toHaveLength(1);
      await expect(make(body, { ...ALL, animated: 'fail' })).rejects.toMatchObject({ name: 'RecipeMismatch' });
    },
  );
});

/** A PDF with a page per colour, of its own size in points. */
function pdf(
  pages: readonly { readonly size: readonly [number, number]; readonly rgb: string; readonly rotate?: number }[],
): Buffer {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, place) => `${3 + place * 2} 0 R`).join(' ')}] >>`,
  ];
  for (const [
    place,
    {
      size: [width, height],
      rgb,
      rotate = 0,
    },
  ] of pages.entries()) {
    const drawing = `${rgb} rg 0 0 ${width} ${height / 2} re f`;
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Rotate ${rotate} /Contents ${4 + place * 2} 0 R >>`,
    );
    objects.push(`<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`);
  }
  let text = '%PDF-1.4\n';
  const places = objects.map((object, place) => {
    const start = text.length;
    text += `${place + 1} 0 obj\n${object}\nendobj\n`;
    return start;
  });
  const table = places.map((start) => `${String(start).padStart(10, '0')} 00000 n \n`).join('');
  return Buffer.from(
    `${text}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`,
  );
}

describe('a PDF', () => {
  const body = pdf([
    { size: [72, 144], rgb: '1 0 0' },
    { size: [144, 72], rgb: '0 1 0' },
    { size: [72, 144], rgb: '0 0 1', rotate: 90 },
  ]);
  const recipe = { ...ALL, allow: ['pdf'] } as const;

  it('gives its pages, each of its own size, as drawn', async () => {
    const { source, renditions } = await make(body, recipe);
    expect(source).toEqual({ format: 'pdf', width: 150, height: 300, pages: 3 });
    expect(renditions.map(({ width, height }) => [width, height])).toEqual([
      [150, 300],
      [300, 150],
      [300, 150],
    ]);
    // Each is painted in its lower half: the last one, turned clockwise, at its left.
    const at = async (place: number, left: number, top: number) =>
      colour(await sharp(renditions[place]?.body).extract({ left, top, width: 1, height: 1 }).png().toBuffer());
    expect([await at(0, 75, 250), await at(0, 75, 50)]).toEqual([
      [255, 0, 0],
      [255, 255, 255],
    ]);
    expect(await at(1, 150, 100)).toEqual([0, 255, 0]);
    expect([await at(2, 50, 75), await at(2, 250, 75)]).toEqual([
      [0, 0, 255],
      [255, 255, 255],
    ]);
  });

  it.each([
    [72, 72, 144],
    [300, 300, 600],
    [10, 10, 20],
  ])('is drawn at %i pixels to the inch where the recipe says so', async (density, width, height) => {
    expect(await makeOne(body, { format: 'png', allow: ['pdf'], density })).toMatchObject({ width, height });
  });

  it('is held to the limits before a page is drawn', async () => {
    const huge = pdf([{ size: [14_400, 14_400], rgb: '1 0 0' }]);
    const started = process.memoryUsage.rss();
    await expect(make(huge, { format: 'png', allow: ['pdf'], density: 2400 })).rejects.toMatchObject({
      name: 'TooManyPixels',
    });
    expect(process.memoryUsage.rss() - started).toBeLessThan(500_000_000);
    await expect(make(body, recipe, { pixels: 100_000 })).rejects.toMatchObject({ name: 'TooManyPixels' });
    expect(() => resolveRecipe({ density: 0 })).toThrow(/density/);
  });
});
