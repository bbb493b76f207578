// The names that recipes are written in: operations in their order, formats with what each can hold. No zod here: the image Lambda reads it.

/**
 * Every operation, in the order in which they are applied, however a recipe is written. It is the order of sharp's own
 * pipeline with turning first and the watermark last, so `extract` and `resize` always mean the upright image.
 */
export const OPERATION_ORDER = [
  'autoOrient',
  'flip',
  'flop',
  'rotate',
  'trim',
  'extract',
  'flatten',
  'gamma',
  'greyscale',
  'resize',
  'extend',
  'median',
  'threshold',
  'blur',
  'unflatten',
  'modulate',
  'sharpen',
  'normalise',
  'tint',
  'negate',
  'composite',
] as const;

export type OperationName = (typeof OPERATION_ORDER)[number];

/** What a format is called outside, and what it can hold. */
export interface FormatFacts {
  /** What `{format}` in a key becomes. */
  readonly extension: string;
  readonly contentType: string;
  /** Whether it holds several frames. */
  readonly animated: boolean;
  /** Whether sharp writes 16 bits per channel into it. */
  readonly deep: boolean;
  readonly alpha: boolean;
  /** Largest side in pixels: the encoder's own limit. */
  readonly dimension: number;
}

/** Every format that can be written, with what it can hold. Dimensions: JPEG 65500 and WebP 16383 are the encoders', AVIF 16384 libvips'. */
export const FORMATS = {
  jpeg: { extension: 'jpg', contentType: 'image/jpeg', animated: false, deep: false, alpha: false, dimension: 65_500 },
  png: {
    extension: 'png',
    contentType: 'image/png',
    animated: false,
    deep: true,
    alpha: true,
    dimension: 2_147_483_647,
  },
  webp: { extension: 'webp', contentType: 'image/webp', animated: true, deep: false, alpha: true, dimension: 16_383 },
  avif: { extension: 'avif', contentType: 'image/avif', animated: false, deep: false, alpha: true, dimension: 16_384 },
  tiff: {
    extension: 'tiff',
    contentType: 'image/tiff',
    animated: false,
    deep: true,
    alpha: true,
    dimension: 2_147_483_647,
  },
  gif: { extension: 'gif', contentType: 'image/gif', animated: true, deep: false, alpha: true, dimension: 65_535 },
  heif: { extension: 'heif', contentType: 'image/heif', animated: false, deep: false, alpha: true, dimension: 16_384 },
} as const satisfies Record<string, FormatFacts>;

export type FormatName = keyof typeof FORMATS;
export const FORMAT_NAMES = Object.keys(FORMATS) as readonly FormatName[];

/** Formats that are refused unless a recipe's `allow` names them: PDF, and what only a custom libvips reads and calls untrusted. */
export const UNTRUSTED_FORMATS = ['pdf', 'fits', 'exr', 'ppm', 'rad'] as const;
export type UntrustedFormat = (typeof UNTRUSTED_FORMATS)[number];

/** Pixels to the inch at which pages of a PDF are drawn when the recipe does not say. */
export const PDF_DENSITY = 150;

export const PRESET_NAMES = ['thumbnail', 'web', 'social', 'archive'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];
