// The encoders' options as data, in sharp's own names.
import * as z from 'zod';
import { closed } from './closed.ts';
import type { FormatName } from './names.ts';

const quality = z.int().min(1).max(100).optional();
const flag = z.boolean().optional();
const subsampling = z.enum(['4:2:0', '4:4:4']).optional();
const loop = z.int().min(0).max(65_535).optional();
const delay = z.array(z.int().min(0).max(65_535)).min(1).max(100_000).optional();
const colours = z.int().min(2).max(256).optional();
const dither = z.number().min(0).max(1).optional();
const heif = {
  quality,
  lossless: flag,
  effort: z.int().min(0).max(9).optional(),
  chromaSubsampling: subsampling,
  // The prebuilt sharp writes 8 bits only: a deeper one ends in UnsupportedImage there.
  bitdepth: z.literal([8, 10, 12]).optional(),
  tune: z.enum(['auto', 'iq', 'psnr', 'ssim']).optional(),
};

/** The one table of encoders: what `jpeg`, `png`, … of a recipe may hold. */
export const ENCODERS = {
  jpeg: closed(
    {
      quality,
      progressive: flag,
      chromaSubsampling: subsampling,
      trellisQuantisation: flag,
      overshootDeringing: flag,
      optimiseScans: flag,
      optimiseCoding: flag,
      quantisationTable: z.int().min(0).max(8).optional(),
      mozjpeg: flag,
    },
    'option',
    { quality: 80 },
  ),
  png: closed(
    {
      progressive: flag,
      compressionLevel: z.int().min(0).max(9).optional(),
      adaptiveFiltering: flag,
      quality: z.int().min(0).max(100).optional(),
      effort: z.int().min(1).max(10).optional(),
      palette: flag,
      colours,
      dither,
    },
    'option',
    { compressionLevel: 9 },
  ),
  webp: closed(
    {
      quality,
      alphaQuality: z.int().min(0).max(100).optional(),
      lossless: flag,
      nearLossless: flag,
      smartSubsample: flag,
      smartDeblock: flag,
      effort: z.int().min(0).max(6).optional(),
      minSize: flag,
      mixed: flag,
      preset: z.enum(['default', 'photo', 'picture', 'drawing', 'icon', 'text']).optional(),
      exact: flag,
      loop,
      delay,
    },
    'option',
    { quality: 80 },
  ),
  avif: closed(heif, 'option', { quality: 50 }),
  tiff: closed(
    {
      quality,
      compression: z.enum(['none', 'jpeg', 'deflate', 'packbits', 'ccittfax4', 'lzw']).optional(),
      bigtiff: flag,
      predictor: z.enum(['none', 'horizontal', 'float']).optional(),
      pyramid: flag,
      tile: flag,
      tileWidth: z.int().min(16).max(32_768).multipleOf(16).optional(),
      tileHeight: z.int().min(16).max(32_768).multipleOf(16).optional(),
      xres: z.number().min(0.001).max(1_000_000).optional(),
      yres: z.number().min(0.001).max(1_000_000).optional(),
      resolutionUnit: z.enum(['inch', 'cm']).optional(),
      bitdepth: z.literal([1, 2, 4]).optional(),
      miniswhite: flag,
    },
    'option',
    { quality: 80 },
  ),
  gif: closed(
    {
      reuse: flag,
      progressive: flag,
      colours,
      effort: z.int().min(1).max(10).optional(),
      dither,
      interFrameMaxError: z.number().min(0).max(32).optional(),
      interPaletteMaxError: z.number().min(0).max(256).optional(),
      keepDuplicateFrames: flag,
      loop,
      delay,
    },
    'option',
    { effort: 7 },
  ),
  heif: closed({ ...heif, compression: z.enum(['av1', 'hevc']).optional() }, 'option', { quality: 50 }),
} as const satisfies Record<FormatName, z.ZodType>;

export type Encoders = { readonly [Name in FormatName]?: z.output<(typeof ENCODERS)[Name]> };
