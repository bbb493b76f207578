// Known faults of pixels and sizes, each with its siblings: what is shared, what is large in between, grey sources, vectors.
import { existsSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { RecipeInput } from '../../../lambda/recipe/recipe.ts';
import { make, makeOne } from './images.ts';

const FAULTS = new URL('../../../../shared/faults/', import.meta.url);
const haveFaults = existsSync(FAULTS);
if (!haveFaults && process.env['CI'] !== undefined) throw new Error(`missing: ${FAULTS.pathname}`);
if (!haveFaults) console.warn(`Skipping tests of known faults: ${FAULTS.pathname} is not there.`);
const fault = (name: string): Buffer => readFileSync(new URL(name, FAULTS));

const PNG = { format: 'png', png: { compressionLevel: 1 } } as const;

async function pixel(body: Buffer | undefined, left: number, top: number): Promise<number[]> {
  const at = sharp(body).flatten().toColourspace('srgb').extract({ left, top, width: 1, height: 1 });
  return [...(await at.raw().toBuffer())].slice(0, 3);
}

function near(got: readonly number[], wanted: readonly number[], most: number): void {
  expect(got).toHaveLength(wanted.length);
  for (const [place, value] of wanted.entries())
    expect(Math.abs((got[place] ?? 999) - value), `${got} is not ${wanted}`).toBeLessThanOrEqual(most);
}

describe('pixels of a neighbour', () => {
  const RESIZES = [
    { width: 900, fit: 'contain', withoutEnlargement: true },
    { width: 200, withoutReduction: true },
    { width: 200, height: 100, fit: 'contain', withoutReduction: true },
    { width: 900, height: 100, withoutEnlargement: true },
    { width: 900, height: 900, fit: 'contain' },
    { width: 300, height: 300, fit: 'fill' },
    { width: 300, height: 290, fit: 'contain', position: 'left top' },
  ] as const;

  it.for(RESIZES)('%o leaves the thumbnail beside it as it is', async (resize) => {
    const half = await sharp({ create: { width: 300, height: 300, channels: 3, background: '#00c000' } })
      .png()
      .toBuffer();
    const body = await sharp({ create: { width: 600, height: 300, channels: 3, background: '#c00000' } })
      .composite([{ input: half, left: 300, top: 0 }])
      .png()
      .toBuffer();
    const { renditions } = await make(body, {
      ...PNG,
      outputs: [
        { name: 'large', resize },
        { name: 'small', resize: { width: 150 } },
      ],
    });
    const small = renditions[1];
    expect([small?.width, small?.height]).toEqual([150, 75]);
    for (const [left, top] of [
      [0, 0],
      [70, 74],
      [3, 40],
    ] as const)
      near(await pixel(small?.body, left, top), [192, 0, 0], 2);
    for (const [left, top] of [
      [149, 0],
      [80, 74],
      [146, 40],
    ] as const)
      near(await pixel(small?.body, left, top), [0, 192, 0], 2);
  });
});

describe('a thin image', () => {
  const SIZES = [
    [1, 200],
    [600, 1],
    [10, 1000],
    [16_000, 1],
    [1, 16_000],
    [20_000, 2],
    [1, 1],
    [3, 20_000],
  ] as const;

  it.for(SIZES)(
    '%o is made for social previews, of pixels that are few',
    { timeout: 20_000 },
    async ([width, height]) => {
      const noise = { type: 'gaussian', mean: 120, sigma: 30 } as const;
      const body = await sharp({ create: { width, height, channels: 3, background: '#369', noise } })
        .png()
        .toBuffer();
      const { renditions } = await make(body, 'social');
      expect(renditions.map((one) => [one.width, one.height])).toEqual([
        [1200, 630],
        [1080, 1080],
        [1080, 1350],
        [1080, 1920],
      ]);
      // 2 GB was what one of these took: the whole process, tests and all, stays far below.
      expect(process.resourceUsage().maxRSS / 1024).toBeLessThan(900);
    },
  );

  it.for(['attention', 'entropy', 'centre', 'north', 'southeast'] as const)(
    'is made by %s and by any orientation',
    async (position) => {
      for (const orientation of [1, 3, 6]) {
        const body = await sharp({ create: { width: 1, height: 9000, channels: 3, background: '#336699' } })
          .withMetadata({ orientation })
          .png()
          .toBuffer();
        const {
          width,
          height,
          body: made,
        } = await makeOne(body, { ...PNG, resize: { width: 300, height: 200, position } });
        expect([width, height]).toEqual([300, 200]);
        near(await pixel(made, 150, 100), [0x33, 0x66, 0x99], 1);
      }
    },
  );

  it.for([
    ['an output', { resize: { width: 16_000 } }, /would be 16000 x 3200000/],
    ['what is extended', { extend: { top: 20_000 } }, /would be 1 x 20200/],
    [
      'what is scaled and then cut',
      { resize: { width: 16_000, height: 16_000, fit: 'outside' } },
      /would be 16000 x 3200000/,
    ],
  ] as const)('is refused before any pixel where %s is too large', async ([, operations, told]) => {
    const body = await sharp({ create: { width: 1, height: 200, channels: 3, background: '#369' } })
      .png()
      .toBuffer();
    await expect(makeOne(body, { ...PNG, ...operations } as RecipeInput)).rejects.toMatchObject({
      name: 'OutputTooLarge',
      message: expect.stringMatching(told),
    });
  });

  it('is refused where what lies in between is beyond the limit', async () => {
    const body = await sharp({ create: { width: 300, height: 300, channels: 3, background: '#369' } })
      .png()
      .toBuffer();
    const recipe = { ...PNG, rotate: { angle: 45 }, resize: { width: 10 } };
    await expect(makeOne(body, recipe, { pixels: 100_000 })).rejects.toMatchObject({
      name: 'OutputTooLarge',
      message: expect.stringContaining('would need 424 x 424 pixels in between'),
    });
  });
});

describe('a grey source', () => {
  type Kind = 'jpeg' | 'png' | 'alpha' | 'deep' | 'greyscale';
  async function source(kind: Kind): Promise<Buffer> {
    const grey = sharp({ create: { width: 80, height: 60, channels: 3, background: '#808080' } }).toColourspace('b-w');
    if (kind === 'jpeg') return grey.jpeg().toBuffer();
    if (kind === 'png') return grey.png().toBuffer();
    if (kind === 'greyscale')
      return sharp({ create: { width: 80, height: 60, channels: 3, background: '#808080' } })
        .png()
        .toBuffer();
    if (kind === 'deep') return grey.toColourspace('grey16').png().toBuffer();
    const clear = { width: 80, height: 60, channels: 4, background: { r: 128, g: 128, b: 128, alpha: 0.5 } } as const;
    return sharp({ create: clear }).toColourspace('b-w').png().toBuffer();
  }
  const RED = [255, 0, 0];
  const PAINTS = [
    ['contain', { resize: { width: 120, height: 60, fit: 'contain', background: '#ff0000' } }, [2, 30], RED],
    ['extend', { extend: { left: 20, background: '#ff0000' } }, [2, 30], RED],
    ['rotate', { rotate: { angle: 30, background: '#ff0000' } }, [1, 1], RED],
    [
      'contain, as an object',
      { resize: { width: 120, height: 60, fit: 'contain', background: { r: 255, g: 0, b: 0 } } },
      [2, 30],
      RED,
    ],
  ] as const;
  const cases = (['jpeg', 'png', 'alpha', 'deep', 'greyscale'] as const).flatMap((kind) =>
    PAINTS.map((paint) => [kind, ...paint] as const),
  );

  it.for(cases)(
    '%s: %s paints in colour, alone and beside others',
    async ([kind, , operations, [left, top], wanted]) => {
      const body = await source(kind);
      const own = kind === 'greyscale' ? { ...operations, greyscale: true } : operations;
      // A turn comes before the greyscale, and so does its background.
      const right = kind === 'greyscale' && 'rotate' in operations ? undefined : wanted;
      const alone = await makeOne(body, { ...PNG, ...own } as RecipeInput);
      const beside = await make(body, {
        ...PNG,
        outputs: [
          { name: 'a', ...own },
          { name: 'b', resize: { width: 40 } },
        ],
      } as RecipeInput);
      for (const made of [alone, beside.renditions[0]]) {
        const got = await pixel(made?.body, left, top);
        if (right === undefined) expect(new Set(got).size).toBe(1);
        else near(got, right, 1);
      }
      expect([beside.renditions[0]?.width, beside.renditions[0]?.height]).toEqual([alone.width, alone.height]);
    },
  );

  it.for(['jpeg', 'png', 'alpha', 'deep'] as const)('%s is tinted, alone and beside others', async (kind) => {
    const body = await source(kind);
    const tint = { tint: { tint: '#ff0000' } };
    const alone = await makeOne(body, { ...PNG, ...tint });
    const { renditions } = await make(body, {
      ...PNG,
      outputs: [
        { name: 'a', ...tint },
        { name: 'b', resize: { width: 40 } },
      ],
    });
    const [red = 0, green = 0] = await pixel(alone.body, 40, 30);
    expect(red).toBeGreaterThan(green + 40);
    near(await pixel(renditions[0]?.body, 40, 30), await pixel(alone.body, 40, 30), 2);
  });

  it('with alpha is laid on the colour that the recipe says', async () => {
    const flatten = { flatten: { background: '#336699' } };
    const half = [0x33, 0x66, 0x99].map((value) => (value + 128) / 2);
    const alone = await makeOne(await source('alpha'), { ...PNG, ...flatten });
    near(await pixel(alone.body, 40, 30), half, 2);
    const { renditions } = await make(await source('alpha'), {
      ...PNG,
      outputs: [{ name: 'a', ...flatten }, { name: 'b' }],
    });
    near(await pixel(renditions[0]?.body, 40, 30), half, 2);
  });

  it('keeps its transparency when it is greyscaled beside others', async () => {
    const { renditions } = await make(await source('alpha'), {
      ...PNG,
      outputs: [
        { name: 'a', greyscale: true },
        { name: 'b', greyscale: true, png: { compressionLevel: 2 } },
        { name: 'c', resize: { width: 40 }, greyscale: true },
      ],
    });
    for (const { body } of renditions) expect((await sharp(body).metadata()).hasAlpha).toBe(true);
  });

  it.skipIf(!haveFaults)('is right by the recipes of known faults', async () => {
    for (const name of ['recipe-grey-contain.json', 'recipe-grey-contain-two.json']) {
      const { renditions } = await make(await source('jpeg'), JSON.parse(fault(name).toString()));
      near(await pixel(renditions[0]?.body, 2, 30), RED, 1);
    }
    const { renditions } = await make(await source('jpeg'), JSON.parse(fault('recipe-grey-tint.json').toString()));
    const [red = 0, green = 0] = await pixel(renditions[0]?.body, 40, 30);
    expect(red).toBeGreaterThan(green + 40);
  });
});

describe('a vector', () => {
  const svg = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="86" height="20"><rect width="43" height="20" fill="red"/></svg>',
  );
  it.for([
    [{ width: 400 }, [400, 93]],
    [{ height: 200 }, [860, 200]],
    [{ width: 10 }, [10, 2]],
    [{ width: 50, height: 50, fit: 'contain' }, [50, 50]],
  ] as const)('keeps its own size beside one of %o', async ([resize, size]) => {
    const outputs = [{ name: 'same' }, { name: 'other', resize }];
    for (const order of [outputs, outputs.toReversed()]) {
      const { renditions } = await make(svg, {
        ...PNG,
        key: '{name}-{output}.{format}',
        outputs: order,
      } as RecipeInput);
      const sizes = Object.fromEntries(renditions.map(({ name, width, height }) => [name, [width, height]]));
      expect(sizes).toEqual({ same: [86, 20], other: size });
    }
  });

  it.skipIf(!haveFaults)('has its own size by the recipe of a known fault', async () => {
    const { renditions } = await make(fault('svg-size.svg'), JSON.parse(fault('recipe-svg-size.json').toString()));
    expect(renditions.map(({ width, height }) => [width, height])).toEqual([
      [35, 20],
      [400, 229],
    ]);
  });
});

describe('the formats that an output may have', () => {
  it('count JPEG where a shared flatten leaves nothing transparent', async () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
    const opaque = await sharp({ create: { width: 200, height: 200, channels: 3, background: 'white', noise } })
      .png()
      .toBuffer();
    const clear = await sharp(opaque).ensureAlpha(0.5).png().toBuffer();
    const recipe = {
      best: ['png', 'jpeg'],
      outputs: [{ name: 'a' }, { name: 'b', resize: { width: 100 } }],
    } satisfies RecipeInput;
    const flat = await make(clear, { ...recipe, flatten: { background: '#ffffff' } });
    expect(flat.renditions.map(({ format }) => format)).toEqual(['jpeg', 'jpeg']);
    expect((await make(clear, recipe)).renditions.map(({ format }) => format)).toEqual(['png', 'png']);
  });

  it.for([{ quality: 90 }, { effort: 3 }, { colours: 200 }, { dither: 0.5 }, { palette: true }])(
    'lower the quality of a PNG of %o to meet maxBytes',
    async (png) => {
      const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
      const body = await sharp({ create: { width: 120, height: 120, channels: 3, background: 'white', noise } })
        .png()
        .toBuffer();
      const full = await makeOne(body, { format: 'png', png });
      const made = await makeOne(body, { format: 'png', png, maxBytes: Math.round(full.body.length * 0.8) });
      expect(made.body.length).toBeLessThanOrEqual(full.body.length * 0.8);
      expect(made.quality).toBeLessThan(100);
    },
  );
});
