// An image's header: what there is to decode, checked against the limits before a pixel is.
import type { SharpOptions } from 'sharp';
import { FanoutError } from '../contract/errors.ts';
import type { Limits } from '../contract/limits.ts';
import type { Recipe } from '../recipe/types.ts';
import { isLimitedGrey, refuseHdr } from './avif-colour.ts';
import { imageFailure } from './failure.ts';
import { hasGainMap } from './gain-map.ts';
import { withTransparency } from './gif-transparency.ts';
import { asStill, sequenceLength } from './heif-sequence.ts';
import { withColourProfile, withCurve } from './png-gamma.ts';
import { sharp } from './sharp.ts';
import { endsEarly, type SourceFormat } from './sniff.ts';
import type { Header, SourceImage } from './source-image.ts';
import { readableSvg } from './svg.ts';
import { chainOf, isBigTiff, TAG, tiffOf } from './tiff-tags.ts';
import { refuseVariety } from './varieties.ts';

/** Reads the header of a file, of a TIFF that of one page. Throws the class of what is wrong with the file, or TooManyPixels, TooManyFrames. */
export async function readHeader(
  body: Buffer,
  format: SourceFormat,
  recipe: Recipe,
  limits: Limits,
  page = 0,
): Promise<SourceImage> {
  const options: SharpOptions = {
    ...(page === 0 ? {} : { page }),
    failOn: recipe.salvage ? 'none' : failOn(format),
    // Our own limit is checked below, with a class of its own; sharp's would only repeat it.
    limitInputPixels: false,
  };
  if (!recipe.salvage && (format === 'jpeg' || format === 'png') && endsEarly(format, body)) throw endedEarly(format);
  if (format === 'heif') refuseHdr(body);
  refuseVariety(body, format, page);
  let opened: Buffer;
  let metadata: Header;
  try {
    const readable = await openable(body, format);
    metadata = await sharp(readable, options).metadata();
    opened = await withColourProfile(readable, metadata, recipe.colour === 'keep');
    if (opened !== readable) metadata = await sharp(opened, options).metadata();
  } catch (error) {
    throw imageFailure(error, format, body);
  }
  const pages = metadata.pages ?? 1;
  const frames = format === 'gif' || format === 'webp' ? pages : 1;
  const height = metadata.pageHeight ?? metadata.height;
  const upright = recipe.operations.autoOrient === false ? { width: metadata.width, height } : metadata.autoOrient;
  const sequence = format === 'heif' ? sequenceLength(body) : 0;
  const places = format === 'tiff' ? placesOf(body, pages) : [];
  const source: SourceImage = {
    body,
    format,
    metadata,
    width: upright.width,
    height: upright.height,
    frames,
    vector: format === 'svg',
    ...(format === 'jpeg' && hasGainMap(body) ? { gainMap: true } : {}),
    bytes: body.length,
    framed: frames > 1 || sequence > 1,
    ...(format === 'tiff' ? { found: places.length, places } : { found: Math.max(frames, sequence) }),
    opened,
    options,
  };
  checkPixels(source, 1, limits);
  return format === 'heif' && isLimitedGrey(body) ? { ...source, opened: await fullRange(source) } : source;
}

/** The bytes that sharp is given: those of the source, but for what it would not see in them. */
async function openable(body: Buffer, format: SourceFormat): Promise<Buffer> {
  if (format === 'gif') return withTransparency(body);
  if (format === 'heif') return asStill(body);
  if (format === 'svg') return readableSvg(body);
  return format === 'png' ? withCurve(body) : body;
}

/** Bits of a TIFF's NewSubfileType: a smaller copy of another page, and a mask for it. */
const [SMALLER, MASK] = [1, 4];

/** Which directories of a TIFF are pages. Of what is damaged, or too large for our reader, all. */
function placesOf(body: Buffer, pages: number): number[] {
  const all = Array.from({ length: pages }, (_, place) => place);
  const tiff = isBigTiff(body) ? undefined : tiffOf(body);
  const chain = tiff === undefined || pages === 1 ? [] : chainOf(tiff);
  if (chain.length !== pages) return all;
  return all.filter(
    (place) => place === 0 || ((chain[place]?.get(TAG.subfileType)?.value ?? 0) & (SMALLER | MASK)) === 0,
  );
}

/** The image with its levels from 16 to 235 stretched to all there are, and all that it carries. */
async function fullRange({ body, opened, format, metadata, options }: SourceImage): Promise<Buffer> {
  const unit = metadata.depth === 'uchar' ? 1 : 257;
  const factor = 255 / (235 - 16);
  try {
    return await sharp(opened, options)
      .keepMetadata()
      .linear(factor, -16 * unit * factor)
      .png({ compressionLevel: 1 })
      .toBuffer();
  } catch (error) {
    throw imageFailure(error, format, body);
  }
}

/** Not left to the decoder: shrinking may skip the last rows, and an extract all but its own, without a look at what is missing. */
function endedEarly(format: SourceFormat): FanoutError {
  const expected = `a complete file, up to the end marker of ${format.toUpperCase()}`;
  return new FanoutError('TruncatedImage', `the file ends too early: expected ${expected}, got none`, {
    expected,
    met: 'no end marker',
  });
}

/**
 * TIFF tags are so often a little wrong that a warning says nothing about the pixels; with the other formats a warning
 * is how libvips speaks of damaged data.
 */
function failOn(format: SourceFormat): 'error' | 'warning' {
  return format === 'tiff' ? 'error' : 'warning';
}

/** Checks that so many frames may be decoded. Throws TooManyFrames or TooManyPixels. */
export function checkPixels(source: SourceImage, frames: number, limits: Limits): void {
  if (frames > limits.frames) {
    throw new FanoutError('TooManyFrames', `${frames} frames, expected at most ${limits.frames} (limits.frames)`, {
      expected: `at most ${limits.frames} frames (limits.frames)`,
      met: `${frames} frames`,
    });
  }
  checkSize(source.width, source.height, frames, limits);
}

/** Checks a size that a header tells. Throws TooManyPixels. */
export function checkSize(width: number, height: number, frames: number, limits: Limits): void {
  const pixels = width * height * frames;
  if (pixels > limits.pixels) {
    const size = `${width} x ${height}${frames > 1 ? ` x ${frames} frames` : ''}`;
    throw new FanoutError(
      'TooManyPixels',
      `${pixels} pixels (${size}), expected at most ${limits.pixels} (limits.pixels)`,
      {
        expected: `at most ${limits.pixels} pixels (limits.pixels)`,
        met: `${pixels} pixels (${size})`,
      },
    );
  }
}

/** Media type as the outcome names the source: what it is, not what it is called. */
export function formatName(source: SourceImage): string {
  if (source.decoded !== undefined) return source.decoded.format;
  if (source.format !== 'heif') return source.format;
  return source.metadata.compression === 'av1' ? 'avif' : 'heic';
}
