// The presets: recipes with a name. Each is written as a person would write it, and may be extended.
import type { PresetName } from './names.ts';
import type { RecipeObject } from './schema.ts';

/** The presets as recipes. */
export const PRESETS = {
  /** One small WebP beside the name of the source. */
  thumbnail: {
    resize: { width: 400, height: 400, fit: 'inside', withoutEnlargement: true },
    format: 'webp',
    webp: { quality: 75 },
    outputs: [{ name: 'thumbnail', key: '{dir}{name}-{output}.{format}' }],
  },
  /** What a responsive page needs: a folder per image with four widths in three formats, and a manifest for srcset. */
  web: {
    key: '{dir}{name}/{width}.{format}',
    widths: [320, 640, 1024, 1600],
    // AVIF's effort 2 is a third of the time of the default 4 for some 5 % more bytes.
    avif: { quality: 50, effort: 2, chromaSubsampling: '4:2:0' },
    webp: { quality: 75 },
    jpeg: { quality: 78, progressive: true },
    outputs: [
      { name: 'avif', format: 'avif' },
      { name: 'webp', format: 'webp' },
      { name: 'jpeg', format: 'jpeg' },
    ],
    placeholder: true,
    manifest: { key: '{dir}{name}/manifest.json' },
  },
  /** The crops that link previews and networks ask for, around what draws attention. */
  social: {
    key: '{dir}{name}/{output}.{format}',
    format: 'jpeg',
    jpeg: { quality: 82, progressive: true },
    outputs: [
      { name: 'og', resize: { width: 1200, height: 630, fit: 'cover', position: 'attention' } },
      { name: 'square', resize: { width: 1080, height: 1080, fit: 'cover', position: 'attention' } },
      { name: 'portrait', resize: { width: 1080, height: 1350, fit: 'cover', position: 'attention' } },
      { name: 'story', resize: { width: 1080, height: 1920, fit: 'cover', position: 'attention' } },
    ],
  },
  /**
   * A lighter master: same format and size, own colours and metadata, never heavier than the source where the source will
   * do. PNG, TIFF of 8 and 16 bits and lossless WebP lose nothing; JPEG, lossy WebP and AVIF are encoded anew, at a
   * quality that the account names, GIF with one palette. What nobody here writes in one file, a TIFF of several pages among
   * it, is kept as it is.
   */
  archive: {
    format: 'same',
    jpeg: { quality: 90, mozjpeg: true, chromaSubsampling: '4:4:4' },
    webp: { quality: 90 },
    avif: { quality: 75 },
    png: { compressionLevel: 9, adaptiveFiltering: true },
    tiff: { compression: 'deflate' },
    keepLossless: true,
    metadata: 'keep',
    colour: 'keep',
    onLarger: 'original',
    // The source's own extension: known before the image is read, so that a re-run finds what is up to date.
    outputs: [{ name: 'archive', key: '{dir}{name}.{ext}' }],
  },
} as const satisfies Record<PresetName, RecipeObject>;
