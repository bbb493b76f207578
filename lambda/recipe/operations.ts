// The operations as data: for each, the options in sharp's own names and a sentence. How each is applied stands in lambda/image/operations.ts.
import * as z from 'zod';
import { closed, colour } from './closed.ts';
import type { OperationName } from './names.ts';

/** One operation of the recipe. */
export interface OperationRecord {
  readonly schema: z.ZodType;
  /** One sentence for the table in the documentation. */
  readonly about: string;
}

const pixels = z.int().min(0).max(65_535);
const side = z.int().min(1).max(65_535);
const strength = z.number().min(0).max(1_000_000);

const GRAVITIES = [
  'centre',
  'north',
  'northeast',
  'east',
  'southeast',
  'south',
  'southwest',
  'west',
  'northwest',
] as const;
const POSITIONS = [
  ...GRAVITIES,
  'center',
  'top',
  'right top',
  'right',
  'right bottom',
  'bottom',
  'left bottom',
  'left',
  'left top',
  'entropy',
  'attention',
] as const;
const BLENDS = [
  'over',
  'atop',
  'in',
  'out',
  'xor',
  'add',
  'saturate',
  'multiply',
  'screen',
  'overlay',
  'darken',
  'lighten',
  'colour-dodge',
  'colour-burn',
  'hard-light',
  'soft-light',
  'difference',
  'exclusion',
] as const;

const resize = closed(
  {
    width: side.optional(),
    height: side.optional(),
    fit: z.enum(['cover', 'contain', 'fill', 'inside', 'outside']).optional(),
    position: z.enum(POSITIONS).optional(),
    background: colour.optional(),
    kernel: z.enum(['nearest', 'linear', 'cubic', 'mitchell', 'lanczos2', 'lanczos3', 'mks2013', 'mks2021']).optional(),
    withoutEnlargement: z.boolean().optional(),
    withoutReduction: z.boolean().optional(),
    fastShrinkOnLoad: z.boolean().optional(),
  },
  'option',
  { width: 800 },
).refine(({ width, height }) => width !== undefined || height !== undefined, {
  error: 'expected width, height or both, got neither',
});

const overlay = closed(
  {
    image: z.string().min(1).optional().describe('s3://bucket/key, or a key below the destination.'),
    text: closed(
      {
        text: z.string().min(1).max(1000),
        font: z.string().optional(),
        colour: z
          .string()
          .regex(/^#[0-9a-f]{6}$/i, { error: 'expected #rrggbb' })
          .optional(),
        align: z.enum(['left', 'centre', 'right']).optional(),
      },
      'option',
      { text: 'Sold' },
    ).optional(),
    gravity: z.enum(GRAVITIES).optional(),
    scale: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe("Width as a share of the image's, height following. Default: 0.25."),
    opacity: z.number().min(0).max(1).optional(),
    margin: z
      .number()
      .min(0)
      .max(0.5)
      .optional()
      .describe("Distance from the edges as a share of the image's smaller side. Default: 0.02."),
    blend: z.enum(BLENDS).optional(),
    tile: z.boolean().optional(),
  },
  'option',
  { image: 'logo.png' },
).refine(({ image, text }) => (image === undefined) !== (text === undefined), {
  error: 'expected one of image and text, got both or neither',
});

/** The one table of operations. */
export const OPERATIONS = {
  autoOrient: {
    schema: z.boolean(),
    about: 'Turns the image upright by its EXIF orientation. On unless set to false.',
  },
  flip: { schema: z.boolean(), about: 'Mirrors top and bottom.' },
  flop: { schema: z.boolean(), about: 'Mirrors left and right.' },
  rotate: {
    schema: closed({ angle: z.number().min(-360).max(360), background: colour.optional() }, 'option', { angle: 90 }),
    about: 'Turns clockwise by degrees; angles other than 90, 180 and 270 fill the corners with the background.',
  },
  trim: {
    schema: closed(
      {
        background: colour.optional(),
        threshold: z.number().min(0).max(255).optional(),
        lineArt: z.boolean().optional(),
        margin: z.int().min(0).max(10_000).optional(),
      },
      'option',
      { threshold: 20 },
    ),
    about: 'Cuts edges that look like the background, or like the top-left pixel.',
  },
  extract: {
    schema: closed({ left: pixels, top: pixels, width: side, height: side }, 'option', {
      left: 0,
      top: 0,
      width: 800,
      height: 600,
    }),
    about: 'Cuts out an area in pixels of the upright image.',
  },
  flatten: {
    schema: closed({ background: colour.optional() }, 'option', { background: '#ffffff' }),
    about: 'Lays transparency on a background. Formats without transparency use white when a recipe does not say.',
  },
  gamma: {
    schema: closed(
      { gamma: z.number().min(1).max(3).optional(), gammaOut: z.number().min(1).max(3).optional() },
      'option',
      { gamma: 2.2 },
    ),
    about: 'Resizes in a gamma of its own; a gammaOut that differs changes the brightness.',
  },
  greyscale: { schema: z.boolean(), about: 'Makes it grey.' },
  resize: { schema: resize, about: 'Changes the size.' },
  extend: {
    schema: closed(
      {
        top: pixels.optional(),
        bottom: pixels.optional(),
        left: pixels.optional(),
        right: pixels.optional(),
        extendWith: z.enum(['background', 'copy', 'repeat', 'mirror']).optional(),
        background: colour.optional(),
      },
      'option',
      { top: 10, bottom: 10 },
    ),
    about: 'Adds a border in pixels.',
  },
  median: {
    schema: closed({ size: z.int().min(1).max(99).optional() }, 'option', { size: 3 }),
    about: 'Replaces each pixel by the median of its square.',
  },
  threshold: {
    schema: closed({ threshold: z.int().min(1).max(255).optional(), greyscale: z.boolean().optional() }, 'option', {
      threshold: 128,
    }),
    about: 'Makes every value black or white.',
  },
  blur: {
    schema: closed(
      {
        sigma: z.number().min(0.3).max(1000).optional(),
        minAmplitude: z.number().min(0.001).max(1).optional(),
        precision: z.enum(['integer', 'float', 'approximate']).optional(),
      },
      'option',
      { sigma: 3 },
    ),
    about: 'Blurs, mildly without a sigma.',
  },
  unflatten: { schema: z.boolean(), about: 'Makes white transparent.' },
  modulate: {
    schema: closed(
      {
        brightness: z.number().min(0).max(100).optional(),
        saturation: z.number().min(0).max(100).optional(),
        hue: z.int().min(-360).max(360).optional(),
        lightness: z.number().min(-100).max(100).optional(),
      },
      'option',
      { brightness: 1.2 },
    ),
    about: 'Changes brightness, saturation, hue and lightness.',
  },
  sharpen: {
    schema: closed(
      {
        sigma: z.number().min(0.000001).max(10).optional(),
        m1: strength.optional(),
        m2: strength.optional(),
        x1: strength.optional(),
        y2: strength.optional(),
        y3: strength.optional(),
      },
      'option',
      { sigma: 1 },
    ),
    about: 'Sharpens, mildly without a sigma.',
  },
  normalise: {
    schema: closed(
      { lower: z.number().min(0).max(99).optional(), upper: z.number().min(1).max(100).optional() },
      'option',
      { lower: 1, upper: 99 },
    ).refine(({ lower = 1, upper = 99 }) => lower < upper, {
      error: 'expected lower to be below upper, got the contrary',
    }),
    about: 'Stretches the luminance to the full range.',
  },
  tint: { schema: closed({ tint: colour }, 'option', { tint: '#a07040' }), about: 'Tints with a colour.' },
  negate: {
    schema: closed({ alpha: z.boolean().optional() }, 'option', { alpha: false }),
    about: 'Inverts the colours.',
  },
  composite: {
    schema: z
      .array(overlay, {
        error: ({ code }) =>
          code === 'invalid_type' ? `expected a list such as [{"image":"logo.png","gravity":"southeast"}]` : undefined,
      })
      .min(1)
      .max(16),
    about: 'Lays watermarks over the image: images or texts.',
  },
} as const satisfies Record<OperationName, OperationRecord>;

export type Operations = { readonly [Name in OperationName]?: z.output<(typeof OPERATIONS)[Name]['schema']> };
export type Overlay = z.output<typeof overlay>;
