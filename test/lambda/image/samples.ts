// One or more samples of every operation and every encoder option: what the matrix test runs through real sharp.
import type { Encoders, FormatName, OperationName, Operations } from '../../../lambda/recipe/types.ts';

/** For each operation, options that together use every option it has. */
export const OPERATION_SAMPLES = {
  autoOrient: [true, false],
  flip: [true],
  flop: [true],
  rotate: [{ angle: 90 }, { angle: 33.5, background: '#ff000080' }],
  trim: [{ background: '#ffffff', threshold: 20, lineArt: true, margin: 2 }],
  extract: [{ left: 3, top: 4, width: 20, height: 10 }],
  flatten: [{}, { background: 'white' }],
  gamma: [{}, { gamma: 2.2, gammaOut: 1.5 }],
  greyscale: [true],
  resize: [
    { width: 40, fit: 'cover', position: 'attention' },
    { width: 40, height: 40, fit: 'contain', position: 'left top', background: { r: 1, g: 2, b: 3, alpha: 0.5 } },
    { height: 40, kernel: 'mitchell', fastShrinkOnLoad: false, withoutEnlargement: true },
    { width: 900, height: 900, fit: 'outside', withoutReduction: true },
    { width: 50, height: 60, fit: 'fill' },
    { width: 40, height: 30, fit: 'cover', position: 'entropy' },
    { width: 40, height: 30, fit: 'inside' },
  ],
  extend: [
    { top: 1, bottom: 2, left: 3, right: 4, background: 'transparent' },
    { top: 5, extendWith: 'mirror' },
  ],
  median: [{}, { size: 5 }],
  threshold: [{}, { threshold: 100, greyscale: false }],
  blur: [{}, { sigma: 2, minAmplitude: 0.3, precision: 'float' }],
  unflatten: [true],
  modulate: [{ brightness: 1.2, saturation: 0.5, hue: 90, lightness: 5 }],
  sharpen: [{}, { sigma: 1.5, m1: 0.5, m2: 3, x1: 3, y2: 15, y3: 15 }],
  normalise: [{}, { lower: 5, upper: 95 }],
  tint: [{ tint: '#ff8800' }],
  negate: [{}, { alpha: false }],
  composite: [
    [
      {
        text: { text: '© <Ada> & Co', font: 'sans', colour: '#ffcc00', align: 'centre' },
        gravity: 'southeast',
        scale: 0.5,
        opacity: 0.6,
        margin: 0.05,
      },
    ],
    [{ image: 'logo.png', blend: 'multiply', tile: true, scale: 0.1 }],
  ],
} as const satisfies { readonly [Name in OperationName]: readonly NonNullable<Operations[Name]>[] };

const HEIF = [
  { quality: 30, effort: 0, chromaSubsampling: '4:2:0', bitdepth: 8 },
  { lossless: true, effort: 0 },
  { effort: 0, tune: 'ssim' },
] as const;

/** For each encoder, options that together use every option it has. */
export const ENCODER_SAMPLES = {
  jpeg: [
    { quality: 50, progressive: true, chromaSubsampling: '4:4:4', optimiseCoding: false },
    { trellisQuantisation: true, overshootDeringing: true, optimiseScans: true, quantisationTable: 3 },
    { mozjpeg: true },
  ],
  png: [
    { progressive: true, compressionLevel: 9, adaptiveFiltering: true },
    { palette: true, quality: 60, effort: 3, colours: 16, dither: 0.5 },
  ],
  webp: [
    {
      quality: 40,
      alphaQuality: 50,
      smartSubsample: true,
      smartDeblock: true,
      effort: 2,
      preset: 'photo',
      exact: true,
    },
    { lossless: true },
    { nearLossless: true },
    { minSize: true, mixed: true, loop: 3, delay: [40] },
  ],
  avif: HEIF,
  tiff: [
    { quality: 70, compression: 'jpeg', predictor: 'none' },
    {
      compression: 'lzw',
      predictor: 'horizontal',
      pyramid: true,
      tile: true,
      tileWidth: 64,
      tileHeight: 64,
      bigtiff: true,
    },
    { compression: 'deflate', xres: 11.8, yres: 11.8, resolutionUnit: 'cm' },
    { compression: 'ccittfax4', bitdepth: 1, miniswhite: true },
  ],
  gif: [
    { reuse: false, progressive: true, colours: 16, effort: 2, dither: 0.2 },
    { interFrameMaxError: 2, interPaletteMaxError: 10, keepDuplicateFrames: true, loop: 2, delay: [70] },
  ],
  heif: HEIF.map((options) => ({ ...options, compression: 'av1' as const })),
} as const satisfies { readonly [Name in FormatName]: readonly NonNullable<Encoders[Name]>[] };
