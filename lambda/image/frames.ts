// Animations, frame by frame: to libvips they are one tall image, in which a blur or a turn does not stop where a frame ends.

import { together } from '../contract/together.ts';
import type { Operations } from '../recipe/types.ts';
import type { ImageJob } from './job.ts';
import { hold, type Input, isPixels, open, type Pipeline, type Pixels } from './pixels.ts';
import { isStrategy, resized } from './size.ts';

/** Bytes of the pixels of frames that are decoded at once. */
const DECODED_BYTES = 128 * 1024 * 1024;

/** What turns stored pixels upright, by EXIF orientation; in sharp's order: flip, flop, rotate. */
const UPRIGHT: { readonly [orientation: number]: Operations } = {
  2: { flop: true },
  3: { rotate: { angle: 180 } },
  4: { flip: true },
  5: { flip: true, rotate: { angle: 90 } },
  6: { rotate: { angle: 90 } },
  7: { flop: true, rotate: { angle: 90 } },
  8: { rotate: { angle: 270 } },
};

/**
 * Whether operations must be done frame by frame: those that move rows or look at neighbours. False for what sharp
 * refuses for animations, so that it does: each frame would be trimmed, or cropped by what draws attention, in a way of its own.
 */
export function takesFrames(job: ImageJob, input: Input, operations: Operations): boolean {
  if (input.frames === 1) return false;
  const { flip, rotate, blur, sharpen, median, resize, trim } = operations;
  if (trim !== undefined || (rotate !== undefined && rotate.angle % 90 !== 0)) return false;
  if (resize !== undefined && isStrategy(resize)) return false;
  if (uprightBy(job, input) !== undefined) return true;
  if (flip === true || rotate !== undefined) return true;
  return blur !== undefined || sharpen !== undefined || median !== undefined || scales(job, input, operations);
}

function scales({ source }: ImageJob, input: Input, { resize, extract }: Operations): boolean {
  if (resize === undefined) return false;
  const { width, height } = extract ?? (isPixels(input) ? input : source);
  const { scaled } = resized({ width, height }, resize);
  return scaled.width !== width || scaled.height !== height;
}

function uprightBy({ source, recipe }: ImageJob, input: Input): Operations | undefined {
  const asStored = isPixels(input) || recipe.operations.autoOrient === false;
  return asStored ? undefined : UPRIGHT[source.metadata.orientation ?? 1];
}

/** Makes each frame by `make` and lays them in one tall image again. `make` is first asked to turn them upright, where they are not. */
export async function eachFrame(
  job: ImageJob,
  start: Input,
  make: (frame: Pixels, turn?: Operations) => Promise<Pipeline>,
): Promise<Pixels> {
  const turn = uprightBy(job, start);
  const done: Pixels[] = [];
  for (const part of partsOf(job, start)) {
    const roll = isPixels(part) ? part : await hold(job, { image: open(job, part), input: part }, true);
    done.push(
      ...(await together(framesOf(roll), async (frame) => {
        const upright = turn === undefined ? frame : await hold(job, await make(frame, turn), true);
        return hold(job, await make(upright), true);
      })),
    );
  }
  return joined(done);
}

/** The source in pieces that fit memory; pixels are there already. */
function partsOf({ source, deep }: ImageJob, start: Input): Input[] {
  if (isPixels(start)) return [start];
  const bytes = source.width * source.height * (deep ? 8 : 4);
  const most = Math.max(1, Math.floor(DECODED_BYTES / bytes));
  const parts: Input[] = [];
  for (let first = 0; first < start.frames; first += most) {
    parts.push({ frames: Math.min(most, start.frames - first), first });
  }
  return parts;
}

/** The frames of one tall image, each as an image of its own that shares its memory. */
function framesOf({ data, raw, width, height, frames, alpha }: Pixels): Pixels[] {
  if (raw === undefined) throw new Error('frames are held raw');
  const { channels } = raw;
  const samples = width * height * channels;
  return Array.from({ length: frames }, (_, place) => ({
    data: data.subarray(place * samples, (place + 1) * samples),
    raw: { width, height, channels },
    width,
    height,
    frames: 1,
    alpha,
  }));
}

function joined(frames: readonly Pixels[]): Pixels {
  const [first] = frames;
  if (first?.raw === undefined) throw new Error('frames are held raw');
  const { width, height, alpha, raw } = first;
  const samples = width * height * raw.channels;
  const length = samples * frames.length;
  const data = first.data instanceof Uint16Array ? new Uint16Array(length) : Buffer.allocUnsafe(length);
  for (const [place, frame] of frames.entries()) data.set(frame.data, place * samples);
  return {
    data,
    raw: { width, height: height * frames.length, channels: raw.channels, pageHeight: height },
    width,
    height,
    frames: frames.length,
    alpha,
  };
}
