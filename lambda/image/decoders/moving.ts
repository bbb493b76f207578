// Frames of an animation as one file that sharp reads: each as its own numbers, and what the source says of them all.
import { greyCurve, rgbProfile } from '../icc.ts';
import { withCurve } from '../png-gamma.ts';
import { sharp } from '../sharp.ts';
import { chunk, framesTiffOf } from './carrier.ts';

/** Red, green, blue and alpha of each pixel, of 8 or 16 bits. */
export type Samples = Buffer | Uint16Array;

export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly depth: 8 | 16;
}

export const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/** The chunks of a PNG up to its end mark; `endsEarly` makes the error of a file that ends before. */
export function* chunksOf(body: Buffer, endsEarly: () => Error): Generator<Chunk> {
  for (let at = PNG_SIGNATURE.length; ; ) {
    if (at + 12 > body.length) throw endsEarly();
    const length = body.readUInt32BE(at);
    const type = body.toString('latin1', at + 4, at + 8);
    if (at + 12 + length > body.length) throw endsEarly();
    if (type === 'IEND') return;
    yield { type, data: body.subarray(at + 8, at + 8 + length) };
    at += 12 + length;
  }
}

/** A PNG of these chunks. */
export function pngFrom(chunks: readonly Chunk[]): Buffer {
  const framed = chunks.map(({ type, data }) => chunk(type, data));
  return Buffer.concat([PNG_SIGNATURE, ...framed, chunk('IEND', Buffer.alloc(0))]);
}

/** The numbers of a PNG that says nothing of its colours, so that they stay as they are. */
export async function samplesOf(png: Buffer, depth: 8 | 16): Promise<Samples> {
  const image = sharp(png, { limitInputPixels: false, failOn: 'warning' }).ensureAlpha();
  if (depth === 8) return image.toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer();
  const data = await image.toColourspace('rgb16').raw({ depth: 'ushort' }).toBuffer();
  return new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
}

/** What a PNG says for all frames: its profile, or one that says the same, and how it lies. */
export async function saidOf(
  png: Buffer,
): Promise<{ readonly icc?: Buffer | undefined; readonly orientation: number }> {
  const { icc, orientation = 1 } = await sharp(await withCurve(png), { limitInputPixels: false }).metadata();
  const grey = icc === undefined ? undefined : greyCurve(icc);
  return { orientation, icc: grey === undefined ? icc : rgbProfile(grey) };
}

/** Frames as the pages of a TIFF; without alpha where none is clear anywhere. */
export function movingTiff(
  frames: readonly Samples[],
  { width, height, depth }: Canvas,
  said: { readonly icc?: Buffer | undefined; readonly orientation: number },
): Buffer {
  const channels = frames.some(isClear) ? 4 : 3;
  const pictures = channels === 4 ? frames : frames.map(withoutAlpha);
  return framesTiffOf({ width, height, depth, channels, ...said, frames: pictures.map(bytesOf) });
}

export function copyOf(samples: Samples): Samples {
  return samples instanceof Uint16Array ? new Uint16Array(samples) : Buffer.from(samples);
}

function isClear(samples: Samples): boolean {
  const full = samples instanceof Uint16Array ? 65_535 : 255;
  for (let at = 3; at < samples.length; at += 4) if (samples[at] !== full) return true;
  return false;
}

function withoutAlpha(samples: Samples): Samples {
  const length = (samples.length / 4) * 3;
  const opaque: Samples = samples instanceof Uint16Array ? new Uint16Array(length) : Buffer.allocUnsafe(length);
  for (let from = 0, to = 0; from < samples.length; from += 4, to += 3) {
    opaque[to] = samples[from] ?? 0;
    opaque[to + 1] = samples[from + 1] ?? 0;
    opaque[to + 2] = samples[from + 2] ?? 0;
  }
  return opaque;
}

function bytesOf(samples: Samples): Buffer {
  return Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
}
