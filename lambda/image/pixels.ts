// Pixels between pipelines: opened, put through operations, and held for those that descend from them.
import type { Sharp } from 'sharp';
import type { MetadataPolicy } from '../recipe/types.ts';
import { keepFromCarrier, strongestPolicy, toRecipeColours } from './colour.ts';
import type { ImageJob } from './job.ts';
import { sharp } from './sharp.ts';

/** Decoded pixels: raw, or as an uncompressed PNG that carries profile and metadata. */
export interface Pixels {
  readonly data: Buffer | Uint16Array;
  readonly raw?: {
    readonly width: number;
    readonly height: number;
    readonly channels: 1 | 2 | 3 | 4;
    readonly pageHeight?: number;
  };
  /** Of one frame. */
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly alpha: boolean;
}

/** The source, of which so many frames are read, from the first or another, or pixels made from it. */
export type Input = { readonly frames: number; readonly first?: number } | Pixels;

export function isPixels(input: Input): input is Pixels {
  return 'data' in input;
}

/** A pipeline that starts at the input. */
export function open(job: ImageJob, input: Input): Sharp {
  if (!isPixels(input)) {
    const { frames, first } = input;
    const which = first === undefined ? { animated: frames > 1 } : { page: first, pages: frames };
    return sharp(job.source.opened, { ...job.source.options, ...which });
  }
  const { data, raw, frames } = input;
  return raw === undefined
    ? sharp(data, { limitInputPixels: false })
    : sharp(data, { raw, limitInputPixels: false, animated: frames > 1 });
}

/** Tells the pipeline about colours and metadata, as the last step before its output. */
export function finish(job: ImageJob, image: Sharp, input: Input, policy: MetadataPolicy): Sharp {
  const { colour } = job.recipe;
  if (!isPixels(input)) return toRecipeColours(image, job.source, colour, policy);
  if (input.raw === undefined) return keepFromCarrier(image, colour, policy);
  return colour === 'srgb' && policy !== 'strip' ? image.withIccProfile('srgb') : image;
}

/** A pipeline with its operations, not yet told about colours and output; `input` is what it starts at. */
export interface Pipeline {
  readonly image: Sharp;
  readonly input: Input;
  /** Whether the pipeline makes the image grey. */
  readonly grey?: boolean;
}

/** Runs a pipeline and holds its pixels in memory. Those of animations are raw: what a carrier would lose of them is their frames. */
export async function hold(
  job: ImageJob,
  { image, input, grey = false }: Pipeline,
  raw: boolean = input.frames > 1,
): Promise<Pixels> {
  const carrier = job.carrier && !raw;
  const finished = finish(job, image, input, job.carrier ? strongestPolicy(job.recipe) : 'strip');
  const coloured = grey && !carrier ? await regained(job, finished, input) : finished;
  const deep = job.deep ? coloured.toColourspace('rgb16') : coloured;
  const output = carrier ? deep.png({ compressionLevel: 0 }) : deep.raw({ depth: job.deep ? 'ushort' : 'uchar' });
  const { data, info } = await job.run(output, (ready) => ready.toBuffer({ resolveWithObject: true }));
  const frames = info.pages ?? 1;
  const height = info.pageHeight ?? info.height;
  const size = { width: info.width, height, frames, alpha: info.hasAlpha };
  if (carrier) return { data, ...size };
  const samples = job.deep ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
  const pages = frames > 1 ? { pageHeight: height } : {};
  return { data: samples, raw: { width: info.width, height: info.height, channels: info.channels, ...pages }, ...size };
}

/** A grey image in all its channels: sharp's raw output keeps the first only, and with it neither alpha nor room for a colour. */
async function regained(job: ImageJob, image: Sharp, input: Input): Promise<Sharp> {
  const deep = job.deep ? image.toColourspace('rgb16') : image;
  const webp = input.frames > 1;
  const whole = webp ? deep.webp({ lossless: true, exact: true, effort: 0 }) : deep.png({ compressionLevel: 0 });
  const data = await job.run(whole, (ready) => ready.toBuffer());
  return sharp(data, { limitInputPixels: false, animated: webp });
}
