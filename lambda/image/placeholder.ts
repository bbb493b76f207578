// What a page can show before the image is there: a ThumbHash and the dominant colour.
import { rgbaToThumbHash } from 'thumbhash';
import type { ImageJob } from './job.ts';
import { finish, type Pipeline } from './pixels.ts';
import { sharp } from './sharp.ts';

export interface Placeholder {
  /** Base64. https://evanw.github.io/thumbhash/ */
  readonly thumbHash: string;
  /** #rrggbb, of the fullest bin of a histogram. */
  readonly dominant: string;
}

/** Makes the placeholder from a pipeline whose image is at most 100 pixels a side. Of an animation, from its first frame. */
export async function placeholderOf(job: ImageJob, { image, input }: Pipeline): Promise<Placeholder> {
  const shown = finish(job, image, input, 'strip').toColourspace('srgb').ensureAlpha().raw({ depth: 'uchar' });
  const { data, info } = await job.run(shown, (ready) => ready.toBuffer({ resolveWithObject: true }));
  const { width, height, channels } = info;
  const { dominant } = await sharp(data, { raw: { width, height, channels } }).stats();
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return {
    thumbHash: Buffer.from(rgbaToThumbHash(width, height, data)).toString('base64'),
    dominant: `#${hex(dominant.r)}${hex(dominant.g)}${hex(dominant.b)}`,
  };
}
