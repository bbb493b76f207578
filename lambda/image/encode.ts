// Encoding: one output from its pixels, once.
import type { Sharp } from 'sharp';
import { FORMATS, type FormatName } from '../recipe/names.ts';
import type { Output } from '../recipe/types.ts';
import { keptRights, withRights } from './colour.ts';
import { engraved } from './copyright.ts';
import { imageFailure } from './failure.ts';
import { hasGainMap, withGainMap } from './gain-map.ts';
import type { ImageJob } from './job.ts';
import { finish, type Input, isPixels, open, type Pipeline, type Pixels } from './pixels.ts';
import { sharp } from './sharp.ts';
import { withMetadataOf } from './webp-chunks.ts';
import { trueXmp } from './xmp.ts';

/** What an output is encoded from: pipelines that start at its pixels, as many as are asked for. */
export interface Made {
  readonly pipeline: () => Promise<Pipeline>;
  /** Whether the pixels may be transparent and nobody has said what lies behind. */
  readonly alpha: boolean;
  /** Whether the pipeline starts at a source whose gain map goes along. */
  readonly gainMap?: true;
  /** The pixels themselves, when they are held: a search for quality needs them. */
  readonly pixels?: Pixels;
}

export interface Encoded {
  readonly format: FormatName;
  readonly body: Buffer;
  readonly width: number;
  readonly height: number;
  readonly pages?: number;
  readonly quality?: number;
  readonly ssim?: number;
  /** Whether the source's gain map is in it. */
  readonly gainMap?: true;
}

/** Encodes once. `quality` replaces the recipe's. */
export async function encodeOnce(
  job: ImageJob,
  output: Output,
  made: Made,
  format: FormatName,
  quality?: number,
): Promise<Encoded> {
  const { image, input } = await made.pipeline();
  const facts = FORMATS[format];
  const bits = isBilevel(output, format);
  const flat = made.alpha && (!facts.alpha || bits) ? image.flatten({ background: '#ffffff' }) : image;
  const grey = bits ? flat.toColourspace('b-w') : flat;
  const deep = job.deep && isDeep(output, format) ? grey.toColourspace('rgb16') : grey;
  const signed = sign(job, deep, input, output);
  const gainMap = made.gainMap === true && !isPixels(input);
  const encoder = encode(gainMap ? withGainMap(signed) : signed, format, {
    ...encoderOptions(job, output, format),
    ...(quality === undefined ? {} : { quality }),
  });
  try {
    const { data, info } = await job.run(encoder, (ready) => ready.toBuffer({ resolveWithObject: true }));
    const used = quality ?? qualityOf(output, format);
    return {
      format,
      body: engraved(await dressed(job, output, format, input, data), keptRights(job.source, output)),
      width: info.width,
      height: info.pageHeight ?? info.height,
      ...(info.pages !== undefined && info.pages > 1 ? await framesOf(data) : {}),
      ...(used === undefined ? {} : { quality: used }),
      ...(gainMap && hasGainMap(data) ? { gainMap: true as const } : {}),
    };
  } catch (error) {
    throw imageFailure(error, job.source.format, job.source.body);
  }
}

/** Tells the pipeline about colours and metadata. */
function sign(job: ImageJob, image: Sharp, input: Input, output: Output): Sharp {
  const finished = finish(job, image, input, output.metadata);
  const { xmp } = job.source.metadata;
  if (output.metadata !== 'keep' || xmp === undefined) return withRights(finished, keptRights(job.source, output));
  const packet = xmp.toString('utf8');
  const told = trueXmp(packet, { upright: job.recipe.operations.autoOrient !== false });
  return told === packet ? finished : finished.withXmp(told);
}

/** An animation with the metadata that a still of the same source has: its raw pixels brought none along. */
async function dressed(job: ImageJob, output: Output, format: FormatName, input: Input, body: Buffer): Promise<Buffer> {
  if (format !== 'webp' || !job.carrier || !isPixels(input) || input.frames === 1) return body;
  const one = { frames: 1 };
  const autoOrient = job.recipe.operations.autoOrient !== false;
  const opened = open(job, one);
  const upright = autoOrient ? opened.autoOrient() : opened;
  const donor = sign(job, upright.resize({ width: 1, height: 1, fit: 'fill' }), one, output).webp();
  return withMetadataOf(body, await job.run(donor, (ready) => ready.toBuffer()));
}

/** How many frames are in a file: encoders merge those that are alike. */
async function framesOf(body: Buffer): Promise<{ pages?: number }> {
  const { pages = 1 } = await sharp(body, { limitInputPixels: false }).metadata();
  return pages > 1 ? { pages } : {};
}

/** Whether 16 bits per channel arrive in the file. */
export function isDeep(output: Output, format: FormatName): boolean {
  if (!FORMATS[format].deep) return false;
  const { tiff } = output.encoders;
  if (format === 'png') return !hasPalette(output);
  return tiff?.compression !== 'jpeg' && tiff?.compression !== 'ccittfax4' && tiff?.bitdepth === undefined;
}

/** Whether a PNG gets a palette: any option that only a palette knows asks for one, as in sharp. */
function hasPalette({ encoders: { png = {} } }: Output): boolean {
  const { palette, quality, effort, colours, dither } = png;
  return palette ?? [quality, effort, colours, dither].some((option) => option !== undefined);
}

/** Whether a TIFF of fewer than 8 bits is asked for, which holds grey only. */
function isBilevel({ encoders: { tiff } }: Output, format: FormatName): boolean {
  return format === 'tiff' && (tiff?.bitdepth !== undefined || tiff?.compression === 'ccittfax4');
}

/** The recipe's options and, for animations from raw pixels, the source's own timing, which raw pixels do not carry. */
function encoderOptions({ source }: ImageJob, output: Output, format: FormatName): object {
  const options = output.encoders[format];
  if (format === 'tiff')
    return {
      compression: 'deflate',
      ...(output.encoders.tiff?.compression === 'ccittfax4' ? { bitdepth: 1 } : {}),
      ...options,
    };
  if (format === 'heif') return { compression: 'hevc', ...options };
  if (!FORMATS[format].animated || source.frames === 1) return options ?? {};
  const { delay, loop } = source.metadata;
  return {
    ...(delay === undefined ? {} : { delay }),
    ...(loop === undefined ? {} : { loop: Math.min(loop, MOST_LOOPS) }),
    ...options,
  };
}

/** What GIF and WebP can say; a browser that read more would show no difference. */
const MOST_LOOPS = 65_535;

function encode(image: Sharp, format: FormatName, options: object): Sharp {
  switch (format) {
    case 'jpeg':
      return image.jpeg(options);
    case 'png':
      return image.png(options);
    case 'webp':
      return image.webp(options);
    case 'avif':
      return image.avif(options);
    case 'tiff':
      return image.tiff(options);
    case 'gif':
      return image.gif(options);
    case 'heif':
      return image.heif(options);
  }
}

/** The quality that an encoder works at; undefined where it knows none. Defaults are sharp's. */
export function qualityOf(output: Output, format: FormatName): number | undefined {
  const { encoders } = output;
  switch (format) {
    case 'jpeg':
      return encoders.jpeg?.quality ?? 80;
    case 'webp':
      return encoders.webp?.lossless ? undefined : (encoders.webp?.quality ?? 80);
    case 'avif':
    case 'heif':
      return encoders[format]?.lossless ? undefined : (encoders[format]?.quality ?? 50);
    case 'png':
      return hasPalette(output) ? (encoders.png?.quality ?? 100) : undefined;
    case 'tiff':
      return encoders.tiff?.compression === 'jpeg' ? (encoders.tiff.quality ?? 80) : undefined;
    case 'gif':
      return undefined;
  }
}
