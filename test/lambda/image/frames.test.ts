// Operations on animations are per frame: nothing bleeds from one to the next, and none changes its place.
import { existsSync, readFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { withMetadataOf } from '../../../lambda/image/webp-chunks.ts';
import type { RecipeInput } from '../../../lambda/recipe/recipe.ts';
import { make, makeOne } from './images.ts';

const FAULTS = new URL('../../../../shared/faults/', import.meta.url);
const haveFaults = existsSync(FAULTS);
if (!haveFaults && process.env['CI'] !== undefined) throw new Error(`missing: ${FAULTS.pathname}`);
if (!haveFaults) console.warn(`Skipping tests of known faults: ${FAULTS.pathname} is not there.`);

const LOSSLESS = { format: 'webp', webp: { lossless: true, exact: true } } as const;
const WIDTH = 24;
const HEIGHT = 16;
const COLOURS = ['#ffd000', '#00a000', '#0000ff', '#ff0000'];
const DELAYS = [100, 200, 300, 400];

/** Four frames, each of one colour but for a black bar at its top and a white corner at its bottom right. */
async function frames(): Promise<Buffer[]> {
  const part = (width: number, height: number, background: string): Promise<Buffer> =>
    sharp({ create: { width, height, channels: 3, background } })
      .png()
      .toBuffer();
  return Promise.all(
    COLOURS.map(async (background) =>
      sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background } })
        .composite([
          { input: await part(WIDTH, 3, '#000000'), left: 0, top: 0 },
          { input: await part(5, 4, '#ffffff'), left: WIDTH - 5, top: HEIGHT - 4 },
        ])
        .png()
        .toBuffer(),
    ),
  );
}

async function animation(orientation = 1, each = (image: Sharp): Sharp => image): Promise<Buffer> {
  const turned = await Promise.all((await frames()).map((body) => each(sharp(body)).png().toBuffer()));
  const joined = sharp(turned, { join: { animated: true } });
  const tagged = orientation === 1 ? joined : joined.withMetadata({ orientation });
  return tagged.webp({ lossless: true, delay: DELAYS, loop: 3 }).toBuffer();
}

function rgb(image: Sharp): Promise<Buffer> {
  return image.flatten({ background: '#ffffff' }).toColourspace('srgb').raw().toBuffer();
}

/** Every frame of what was made against what sharp alone makes of that frame. */
async function expectFrames(body: Buffer, right: (frame: Sharp) => Sharp | Promise<Sharp>, most = 1): Promise<void> {
  const { pages, delay, loop } = await sharp(body).metadata();
  expect({ pages, delay, loop }).toEqual({ pages: 4, delay: DELAYS, loop: 3 });
  for (const [page, frame] of (await frames()).entries()) {
    const mine = await rgb(sharp(body, { page, ignoreIcc: true }));
    const wanted = await rgb(sharp(await (await right(sharp(frame))).png().toBuffer()));
    expect(mine.length).toBe(wanted.length);
    const worst = mine.reduce((all, value, place) => Math.max(all, Math.abs(value - (wanted[place] ?? 999))), 0);
    expect(worst, `frame ${page}`).toBeLessThanOrEqual(most);
  }
}

/** A pipeline after another: sharp has an order of its own. */
async function then(image: Sharp): Promise<Sharp> {
  return sharp(await image.png().toBuffer());
}

const OPERATIONS: readonly [string, RecipeInput & object, (image: Sharp) => Sharp | Promise<Sharp>][] = [
  ['flip', { flip: true }, (image) => image.flip()],
  ['flop', { flop: true }, (image) => image.flop()],
  ['rotate 90', { rotate: { angle: 90 } }, (image) => image.rotate(90)],
  ['rotate 180', { rotate: { angle: 180 } }, (image) => image.rotate(180)],
  ['rotate 270', { rotate: { angle: 270 } }, (image) => image.rotate(270)],
  ['blur', { blur: { sigma: 6 } }, (image) => image.blur({ sigma: 6 })],
  ['sharpen', { sharpen: { sigma: 2 } }, (image) => image.sharpen({ sigma: 2 })],
  ['median', { median: { size: 7 } }, (image) => image.median(7)],
  ['enlarge', { resize: { width: 240 } }, (image) => image.resize({ width: 240 })],
  ['reduce', { resize: { width: 11 } }, (image) => image.resize({ width: 11 })],
  [
    'fill',
    { resize: { width: 13, height: 40, fit: 'fill' } },
    (image) => image.resize({ width: 13, height: 40, fit: 'fill' }),
  ],
  ['cover', { resize: { width: 40, height: 40 } }, (image) => image.resize({ width: 40, height: 40 })],
  [
    'mirrored border',
    { blur: { sigma: 1 }, extend: { top: 3, extendWith: 'mirror' } },
    (image) => image.extend({ top: 3, extendWith: 'mirror' }).blur({ sigma: 1 }),
  ],
  ['flip and blur', { flip: true, blur: { sigma: 3 } }, async (image) => (await then(image.flip())).blur({ sigma: 3 })],
  [
    'extract',
    { extract: { left: 2, top: 1, width: 9, height: 9 }, resize: { width: 30 } },
    (image) => image.extract({ left: 2, top: 1, width: 9, height: 9 }).resize({ width: 30 }),
  ],
];

describe('an animation', () => {
  it.for(OPERATIONS)('%s is done to each frame as if it were alone', async ([, operations, right]) => {
    await expectFrames((await makeOne(await animation(), { ...LOSSLESS, ...operations })).body, right);
  });

  it.for(OPERATIONS)('%s is the same beside others and after shared operations', async ([, operations, right]) => {
    const { renditions } = await make(await animation(), {
      ...LOSSLESS,
      ...operations,
      outputs: [{ name: 'a' }, { name: 'b', resize: { width: 7 } }, { name: 'c', format: 'jpeg' }],
    });
    if ('resize' in operations) return expect(renditions).toHaveLength(3);
    await expectFrames(renditions[0]?.body ?? Buffer.alloc(0), right);
  });

  // The pixels as a camera that lies so stores them.
  const STORED: { readonly [orientation: number]: (image: Sharp) => Sharp } = {
    1: (image) => image,
    2: (image) => image.flop(),
    3: (image) => image.rotate(180),
    4: (image) => image.flip(),
    5: (image) => image.flip().rotate(90),
    6: (image) => image.rotate(270),
    7: (image) => image.flop().rotate(90),
    8: (image) => image.rotate(90),
  };
  it.for([1, 2, 3, 4, 5, 6, 7, 8])('of EXIF orientation %i is upright, in order', async (orientation) => {
    const stored = await animation(orientation, STORED[orientation]);
    await expectFrames((await makeOne(stored, LOSSLESS)).body, (image) => image);
    const small = await makeOne(stored, { ...LOSSLESS, resize: { width: 12 } });
    await expectFrames(small.body, (image) => image.resize({ width: 12 }));
    expect([small.width, small.height]).toEqual([12, 8]);
  });

  it('keeps profile, EXIF and its turned orientation when its frames are worked on', async () => {
    const plain = await animation();
    const donor = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
      .withIccProfile('p3')
      .withExif({ IFD0: { Artist: 'Ada' } })
      .webp()
      .toBuffer();
    const source = withMetadataOf(plain, donor);
    const recipe = { ...LOSSLESS, metadata: 'keep', colour: 'keep', blur: { sigma: 2 } } as const;
    const { body } = await makeOne(source, recipe);
    const [made, given] = await Promise.all([sharp(body).metadata(), sharp(donor).metadata()]);
    expect(made.pages).toBe(4);
    expect(made.icc?.equals(given.icc ?? Buffer.alloc(0))).toBe(true);
    expect(made.exif?.toString('latin1')).toContain('Ada');
    await expectFrames(body, (image) => image.blur({ sigma: 2 }));
  });

  it('is read in pieces where it is large', { timeout: 30_000 }, async () => {
    // 40 frames of 4 MB each are more than is decoded at once.
    const [width, height, count] = [1000, 1000, 40];
    const data = Buffer.alloc(width * height * count * 3);
    for (let frame = 0; frame < count; frame += 1)
      data.fill(frame * 5, frame * width * height * 3, (frame + 1) * width * height * 3);
    const source = await sharp(data, {
      raw: { width, height: height * count, channels: 3, pageHeight: height },
      animated: true,
    })
      .webp({ lossless: true, effort: 0 })
      .toBuffer();
    const { body, pages } = await makeOne(source, { ...LOSSLESS, resize: { width: 8 } });
    expect(pages).toBe(count);
    for (const page of [0, 31, 32, 39]) {
      const [red] = await sharp(body, { page }).raw().toBuffer();
      expect(red).toBe(page * 5);
    }
  });

  it.for([
    ['trim', { trim: {} }],
    ['a crop that looks for something', { resize: { width: 8, height: 8, position: 'attention' } }],
    ['a slant', { rotate: { angle: 10 } }],
  ] as const)('refuses %s, which would differ from frame to frame', async ([, operations]) => {
    await expect(makeOne(await animation(), { ...LOSSLESS, ...operations })).rejects.toMatchObject({
      name: 'RecipeMismatch',
    });
  });
});

describe.skipIf(!haveFaults)('known faults of animations', () => {
  const fault = (name: string): Buffer => readFileSync(new URL(name, FAULTS));
  const recipe = (name: string) => JSON.parse(fault(name).toString());

  /** Of each frame its mean colour, and the colour of its middle column's first pixel. */
  async function looks(body: Buffer): Promise<{ readonly mean: number[]; readonly top: number[] }[]> {
    const { pages = 1 } = await sharp(body).metadata();
    return Promise.all(
      Array.from({ length: pages }, async (_, page) => {
        const still = await sharp(body, { page }).flatten({ background: '#ffffff' }).png().toBuffer();
        const { channels } = await sharp(still).stats();
        const { width } = await sharp(still).metadata();
        const top = await sharp(still)
          .extract({ left: Math.floor(width / 2), top: 0, width: 1, height: 1 })
          .raw()
          .toBuffer();
        return { mean: channels.slice(0, 3).map(({ mean }) => mean), top: [...top].slice(0, 3) };
      }),
    );
  }

  it.for(
    ['four-frames.gif', 'four-frames.webp'].flatMap((name) =>
      ['recipe-flip.json', 'turn', 'recipe-blur.json', 'recipe-enlarge.json'].map((how) => [name, how] as const),
    ),
  )('%s with %s: the frames in their order, none with colour of another', async ([name, how]) => {
    const given = how === 'turn' ? { ...LOSSLESS, rotate: { angle: 180 } } : recipe(how);
    const source = fault(name);
    const { body } = await makeOne(source, given);
    const [before, after] = [await looks(source), await looks(body)];
    expect((await sharp(body).metadata()).delay).toEqual((await sharp(source).metadata()).delay);
    for (const [page, { mean }] of after.entries()) {
      for (const [channel, value] of mean.entries()) {
        expect(Math.abs(value - (before[page]?.mean[channel] ?? 999)), `frame ${page}`).toBeLessThan(4);
      }
    }
    if (how === 'recipe-enlarge.json') expect(after[1]?.top).toEqual(before[1]?.top);
  });

  it('animated-exif-orientation3.webp is upright and plays forwards', async () => {
    const source = fault('animated-exif-orientation3.webp');
    const { body } = await makeOne(source, 'thumbnail');
    const [before, after] = [await looks(source), await looks(body)];
    for (const [page, { mean }] of after.entries()) {
      for (const [channel, value] of mean.entries())
        expect(Math.abs(value - (before[page]?.mean[channel] ?? 999))).toBeLessThan(6);
    }
  });
});
