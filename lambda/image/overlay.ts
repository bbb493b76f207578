// Watermarks: images or texts, sized by the image that they are laid on.
import type { OutputInfo, OverlayOptions, Sharp } from 'sharp';
import { FanoutError } from '../contract/errors.ts';
import type { Overlay } from '../recipe/types.ts';
import type { ImageJob } from './job.ts';
import { sharp } from './sharp.ts';
import type { Size } from './size.ts';

/** What watermarks are laid on: the size of one frame, and how many there are. */
interface Frames extends Size {
  readonly frames: number;
}

const SCALE = 0.25;
const MARGIN = 0.02;

/** What sharp's composite needs to lay the watermarks on these pixels. Throws RecipeMismatch for a watermark that is no image. */
export async function overlaysFor(
  job: ImageJob,
  under: Frames,
  overlays: readonly Overlay[],
): Promise<OverlayOptions[]> {
  return Promise.all(overlays.map((overlay) => place(job, under, overlay)));
}

async function place(job: ImageJob, under: Frames, overlay: Overlay): Promise<OverlayOptions> {
  const { gravity = 'centre', blend = 'over', tile = false } = overlay;
  const margin = tile ? 0 : Math.round(Math.min(under.width, under.height) * (overlay.margin ?? MARGIN));
  const room = { width: Math.max(1, under.width - 2 * margin), height: Math.max(1, under.height - 2 * margin) };
  const width = Math.max(1, Math.min(room.width, Math.round(under.width * (overlay.scale ?? SCALE))));
  const drawn = await draw(job, overlay, { width, height: room.height });
  const { data, info } = await rendered(job, await faded(job, drawn, overlay.opacity ?? 1));
  const placed: OverlayOptions = {
    input: data,
    tile,
    ...(tile ? { gravity } : position(gravity, under, info, margin)),
  };
  if (under.frames === 1) return { ...placed, blend };
  // To sharp the frames are one tall image: a watermark of a frame's size, tiled, falls on each alike.
  const clear = { ...CLEAR, width: under.width, height: under.height };
  const frame = await rendered(job, sharp({ create: clear }).composite([placed]));
  return { input: frame.data, blend, tile: true, gravity: 'northwest' };
}

const CLEAR = { channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } as const;

function rendered(job: ImageJob, image: Sharp): Promise<{ data: Buffer; info: OutputInfo }> {
  return job.run(image, (ready) => ready.png({ compressionLevel: 0 }).toBuffer({ resolveWithObject: true }));
}

/** The watermark at its size: as wide as asked for, no higher than there is room. */
async function draw(job: ImageJob, overlay: Overlay, { width, height }: Size): Promise<Sharp> {
  if (overlay.text !== undefined) {
    const { text, font = 'sans', colour = '#ffffff', align = 'left' } = overlay.text;
    const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    const markup = `<span foreground="${colour}">${escaped}</span>`;
    const written = sharp({ text: { text: markup, font, align, rgba: true, dpi: 300, wrap: 'none' } }).png();
    try {
      const letters = await job.run(written, (ready) => ready.toBuffer());
      return sharp(letters).resize({ width, height, fit: 'inside' });
    } catch (error) {
      throw new FanoutError(
        'RecipeMismatch',
        `the text ${JSON.stringify(text)} cannot be drawn: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }
  const name = overlay.image ?? '';
  const body = job.overlays.get(name);
  if (body === undefined)
    throw new FanoutError('RecipeMismatch', `the watermark ${name} was not loaded`, {
      expected: 'an image',
      met: 'nothing',
    });
  return sharp(body).autoOrient().resize({ width, height, fit: 'inside' });
}

/** The watermark with its alpha multiplied. */
async function faded(job: ImageJob, image: Sharp, opacity: number): Promise<Sharp> {
  if (opacity === 1) return image;
  // In sharp's pipeline `linear` comes before `ensureAlpha`: a JPEG would have no alpha yet to multiply.
  const { data, info } = await job.run(image.toColourspace('srgb').ensureAlpha(), (ready) =>
    ready.raw().toBuffer({ resolveWithObject: true }),
  );
  const { width, height, channels } = info;
  return sharp(data, { raw: { width, height, channels } }).linear([1, 1, 1, opacity], [0, 0, 0, 0]);
}

function position(
  gravity: NonNullable<Overlay['gravity']>,
  under: Size,
  over: Size,
  margin: number,
): { left: number; top: number } {
  const along = (room: number, size: number, start: boolean, end: boolean): number => {
    if (start) return margin;
    return end ? room - size - margin : Math.round((room - size) / 2);
  };
  return {
    left: along(under.width, over.width, gravity.endsWith('west'), gravity.endsWith('east')),
    top: along(under.height, over.height, gravity.startsWith('north'), gravity.startsWith('south')),
  };
}
