// The contract of one output in one format: the quality that meets maxBytes and minSsim, searched for where there is one.
import type { Sharp } from 'sharp';
import { FanoutError } from '../contract/errors.ts';
import type { FormatName } from '../recipe/names.ts';
import type { Output } from '../recipe/types.ts';
import { type Encoded, encodeOnce, type Made, qualityOf } from './encode.ts';
import type { ImageJob } from './job.ts';
import { finish, type Pixels } from './pixels.ts';
import { sharp } from './sharp.ts';
import type { Size } from './size.ts';
import { type Luma, lumaPipeline, ssim, viewingSize } from './ssim.ts';

const LEAST = 1;
const MOST = 100;

/**
 * Encodes so that the contract is met: with `minSsim` the smallest quality that is like enough, with `maxBytes` alone
 * the largest quality, up to the recipe's, that is light enough. Throws QualityUnreachable.
 */
export async function smallestWithin(job: ImageJob, output: Output, made: Made, format: FormatName): Promise<Encoded> {
  const { maxBytes, minSsim } = output;
  const own = qualityOf(output, format);
  if (minSsim !== undefined) return withLikeness(job, output, made, format, minSsim);
  const first = await encodeOnce(job, output, made, format);
  if (maxBytes === undefined || first.body.length <= maxBytes) return first;
  if (own === undefined)
    throw unreachable(
      output,
      format,
      `at most ${maxBytes} bytes`,
      `${first.body.length} bytes, and no quality to lower`,
    );
  let best: Encoded | undefined;
  let smallest = first;
  for (let low = LEAST, high = own - 1; low <= high; ) {
    const quality = (low + high) >> 1;
    const tried = await encodeOnce(job, output, made, format, quality);
    if (tried.body.length < smallest.body.length) smallest = tried;
    if (tried.body.length <= maxBytes) {
      best = tried;
      low = quality + 1;
    } else {
      high = quality - 1;
    }
  }
  if (best === undefined)
    throw unreachable(
      output,
      format,
      `at most ${maxBytes} bytes`,
      `${smallest.body.length} bytes at quality ${smallest.quality}`,
    );
  return best;
}

async function withLikeness(
  job: ImageJob,
  output: Output,
  made: Made,
  format: FormatName,
  minSsim: number,
): Promise<Encoded> {
  const { maxBytes } = output;
  const likeness = await comparer(job, made);
  const attempt = async (quality?: number): Promise<Encoded & { readonly ssim: number }> => {
    const encoded = await encodeOnce(job, output, made, format, quality);
    return { ...encoded, ssim: await likeness(encoded) };
  };
  let best: (Encoded & { readonly ssim: number }) | undefined;
  let closest: (Encoded & { readonly ssim: number }) | undefined;
  if (qualityOf(output, format) === undefined) {
    closest = await attempt();
    if (closest.ssim >= minSsim) best = closest;
  } else {
    for (let low = LEAST, high = MOST; low <= high; ) {
      const quality = (low + high) >> 1;
      const tried = await attempt(quality);
      if (closest === undefined || tried.ssim > closest.ssim) closest = tried;
      if (tried.ssim >= minSsim) {
        best = tried;
        high = quality - 1;
      } else {
        low = quality + 1;
      }
    }
  }
  if (best === undefined)
    throw unreachable(output, format, `SSIM of at least ${minSsim}`, `${closest?.ssim.toFixed(4)} at best`);
  if (maxBytes !== undefined && best.body.length > maxBytes) {
    throw unreachable(
      output,
      format,
      `SSIM of at least ${minSsim} in at most ${maxBytes} bytes`,
      `${best.body.length} bytes at SSIM ${best.ssim.toFixed(4)}`,
    );
  }
  return { ...best, ssim: Math.round(best.ssim * 10_000) / 10_000 };
}

/** Compares encoded files with the pixels that they are made from. Of an animation, with its first frame. */
async function comparer(job: ImageJob, made: Made): Promise<(encoded: Encoded) => Promise<number>> {
  const { data, raw, width, height } = made.pixels ?? (await drawn(job, made));
  const size = viewingSize({ width, height });
  const first = sharp(data, { ...(raw === undefined ? {} : { raw }), ...OPTIONS }).extract({
    left: 0,
    top: 0,
    width,
    height,
  });
  const reference = await luma(job, first, size);
  return async ({ body }) => ssim(reference, await luma(job, sharp(body, OPTIONS), size));
}

/** The pixels of what is not held, for the one comparison: as a PNG, in which frames are one tall image. */
async function drawn(job: ImageJob, made: Made): Promise<Pick<Pixels, 'data' | 'raw' | 'width' | 'height'>> {
  const { image, input } = await made.pipeline();
  const png = finish(job, image, input, 'strip').png({ compressionLevel: 1 });
  const { data, info } = await job.run(png, (ready) => ready.toBuffer({ resolveWithObject: true }));
  return { data, width: info.width, height: info.pageHeight ?? info.height };
}

// The numbers are compared, whatever colours they mean.
const OPTIONS = { ignoreIcc: true, limitInputPixels: false } as const;

async function luma(job: ImageJob, image: Sharp, size: Size): Promise<Luma> {
  return { data: await job.run(lumaPipeline(image, size), (ready) => ready.toBuffer()), ...size };
}

function unreachable({ name }: Output, format: FormatName, expected: string, met: string): FanoutError {
  return new FanoutError('QualityUnreachable', `output "${name}" (${format}): expected ${expected}, got ${met}`, {
    expected,
    met,
  });
}
