// Animated PNG: its frames as a browser shows them, laid over one another. Each frame's own pixels are read by sharp.
import { greyCurve, rgbProfile } from '../icc.ts';
import { withCurve } from '../png-gamma.ts';
import { sharp } from '../sharp.ts';
import { chunk, framesTiffOf, pngOf } from './carrier.ts';
import { type Allow, type Decoded, type Decoder, damaged, endsEarly, type Wanted } from './decoder.ts';

const TITLE = 'PNG animation';
const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** Chunks that pixels cannot be told without; what else a file says of them is heeded for all frames together. */
const NEEDED = new Set(['PLTE', 'tRNS']);
/** https://www.w3.org/TR/png-3/#fcTL-chunk */
const DISPOSE = { background: 1, previous: 2 } as const;
const OVER = 1;
const MOST_DELAY = 65_535;

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/** One frame: where it lies, how it is laid on what is there, and its compressed pixels. */
interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly delay: number;
  readonly dispose: number;
  readonly blend: number;
  readonly data: Buffer[];
}

interface Animation {
  readonly header: Buffer;
  readonly needed: readonly Chunk[];
  readonly frames: readonly Frame[];
  readonly loop: number;
}

export const apng: Decoder = {
  format: 'apng',
  title: TITLE,
  same: 'png',
  contentType: 'image/apng',
  animates: true,
  takes: (body) => body.subarray(0, 8).equals(SIGNATURE) && announced(body) > 1,
  decode: async (body, allow, wanted) => {
    const pages = announced(body);
    if (!wanted.frames && startsWithDefault(body)) return { body, format: 'png', pages };
    return decode(read(body), body, allow, wanted);
  },
};

/** How many frames the file speaks of before its pixels; 0 for a PNG that is no animation. */
function announced(body: Buffer): number {
  const [control, data] = [body.indexOf('acTL', 8, 'latin1'), body.indexOf('IDAT', 8, 'latin1')];
  return control !== -1 && control < data && control + 8 <= body.length ? body.readUInt32BE(control + 4) : 0;
}

function startsWithDefault(body: Buffer): boolean {
  const [control, data] = [body.indexOf('fcTL', 8, 'latin1'), body.indexOf('IDAT', 8, 'latin1')];
  return control !== -1 && control < data;
}

/** The chunks, up to the end mark. Throws TruncatedImage, CorruptImage. */
function* chunksOf(body: Buffer): Generator<Chunk> {
  for (let at = SIGNATURE.length; ; ) {
    if (at + 12 > body.length) throw endsEarly(TITLE);
    const length = body.readUInt32BE(at);
    const type = body.toString('latin1', at + 4, at + 8);
    if (at + 12 + length > body.length) throw endsEarly(TITLE);
    if (type === 'IEND') return;
    yield { type, data: body.subarray(at + 8, at + 8 + length) };
    at += 12 + length;
  }
}

function read(body: Buffer): Animation {
  const needed: Chunk[] = [];
  const frames: Frame[] = [];
  let header: Buffer | undefined;
  let [count, loop] = [0, 0];
  for (const { type, data } of chunksOf(body)) {
    const frame = frames.at(-1);
    if (type === 'IHDR' && data.length === 13) header = data;
    else if (type === 'acTL' && data.length === 8) [count, loop] = [data.readUInt32BE(0), data.readUInt32BE(4)];
    else if (type === 'fcTL' && data.length === 26) frames.push(frameOf(data));
    else if (type === 'IDAT') frame?.data.push(data);
    // Before the pixels of a frame stands its number.
    else if (type === 'fdAT' && data.length > 4) frame?.data.push(data.subarray(4));
    else if (NEEDED.has(type)) needed.push({ type, data });
  }
  if (header === undefined) throw damaged(TITLE, 'no header');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  if (frames.length < count) throw damaged(TITLE, `${frames.length} frames, where ${count} are announced`);
  const made = frames.slice(0, count);
  for (const [place, frame] of made.entries()) {
    const inside = frame.left + frame.width <= width && frame.top + frame.height <= height;
    if (frame.width < 1 || frame.height < 1 || !inside) throw damaged(TITLE, `frame ${place + 1} outside the picture`);
    if (frame.data.length === 0) throw damaged(TITLE, `no pixels in frame ${place + 1}`);
  }
  return { header, needed, frames: made, loop };
}

function frameOf(data: Buffer): Frame {
  const [over, under] = [data.readUInt16BE(20), data.readUInt16BE(22) || 100];
  return {
    width: data.readUInt32BE(4),
    height: data.readUInt32BE(8),
    left: data.readUInt32BE(12),
    top: data.readUInt32BE(16),
    delay: Math.min(MOST_DELAY, Math.round((over * 1000) / under)),
    dispose: data[24] ?? 0,
    blend: data[25] ?? 0,
    data: [],
  };
}

/** All frames, or the first of an animation that the picture for other readers is no part of. */
async function decode(animation: Animation, file: Buffer, allow: Allow, wanted: Wanted): Promise<Decoded> {
  const { header, frames, loop } = animation;
  const [width, height, depth] = [header.readUInt32BE(0), header.readUInt32BE(4), header[8] === 16 ? 16 : 8] as const;
  const pages = frames.length;
  allow(width, height, wanted.frames ? pages : 1);
  const shown = await played(animation, wanted.frames ? pages : 1, { width, height, depth });
  const { icc, orientation } = await saidOf(file);
  const channels = shown.some(isClear) ? 4 : 3;
  const pictures = channels === 4 ? shown : shown.map(withoutAlpha);
  const [first] = pictures;
  if (first === undefined) throw damaged(TITLE, 'no frame');
  const size = { width, height, channels, depth, icc } as const;
  if (!wanted.frames) return { body: pngOf({ ...size, data: bigEndian(first) }), format: 'png', pages };
  const timing = { delay: frames.map(({ delay }) => delay), loop };
  return { body: framesTiffOf({ ...size, orientation, frames: pictures.map(bytesOf) }), format: 'tiff', pages, timing };
}

/** Red, green, blue and alpha of each pixel, of 8 or 16 bits. */
type Samples = Buffer | Uint16Array;

/** What is seen of the first frames, one after the other. https://www.w3.org/TR/png-3/#apng-frame-based-animation */
async function played(
  { header, needed, frames }: Animation,
  count: number,
  { width, height, depth }: { readonly width: number; readonly height: number; readonly depth: 8 | 16 },
): Promise<Samples[]> {
  const samples = width * height * 4;
  const canvas: Samples = depth === 16 ? new Uint16Array(samples) : Buffer.alloc(samples);
  const shown: Samples[] = [];
  for (const [place, frame] of frames.slice(0, count).entries()) {
    const pixels = await pixelsOf(header, needed, frame, depth);
    const before = frame.dispose === DISPOSE.previous && place > 0 ? copyOf(canvas) : undefined;
    lay(canvas, width, frame, pixels, depth === 16 ? 65_535 : 255);
    shown.push(copyOf(canvas));
    if (before !== undefined) canvas.set(before);
    // Before the first frame there is nothing: what would be restored is clear.
    else if (frame.dispose === DISPOSE.background || frame.dispose === DISPOSE.previous) clear(canvas, width, frame);
  }
  return shown;
}

/** A frame's own pixels: as a PNG that says nothing of colours, so that its numbers stay as they are. */
async function pixelsOf(header: Buffer, needed: readonly Chunk[], frame: Frame, depth: 8 | 16): Promise<Samples> {
  const size = Buffer.from(header);
  size.writeUInt32BE(frame.width, 0);
  size.writeUInt32BE(frame.height, 4);
  const png = Buffer.concat([
    SIGNATURE,
    chunk('IHDR', size),
    ...needed.map(({ type, data }) => chunk(type, data)),
    chunk('IDAT', Buffer.concat(frame.data)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
  const image = sharp(png, { limitInputPixels: false, failOn: 'warning' }).ensureAlpha();
  if (depth === 8) return image.toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer();
  const data = await image.toColourspace('rgb16').raw({ depth: 'ushort' }).toBuffer();
  return new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
}

/** Lays a frame on the canvas: in place of what is there, or over it as far as it is clear. */
function lay(canvas: Samples, width: number, frame: Frame, pixels: Samples, full: number): void {
  const row = frame.width * 4;
  for (let y = 0; y < frame.height; y++) {
    const [from, to] = [y * row, ((frame.top + y) * width + frame.left) * 4];
    if (frame.blend !== OVER) canvas.set(pixels.subarray(from, from + row), to);
    else for (let x = 0; x < row; x += 4) blend(canvas, to + x, pixels, from + x, full);
  }
}

/** One pixel over another. https://www.w3.org/TR/png-3/#13Alpha-channel-processing */
function blend(canvas: Samples, to: number, pixels: Samples, from: number, full: number): void {
  const [above, below] = [pixels[from + 3] ?? 0, canvas[to + 3] ?? 0];
  if (above === 0) return;
  if (above === full || below === 0) {
    for (let channel = 0; channel < 4; channel++) canvas[to + channel] = pixels[from + channel] ?? 0;
    return;
  }
  const [mine, theirs] = [above * full, (full - above) * below];
  const all = mine + theirs;
  for (let channel = 0; channel < 3; channel++) {
    const sum = (pixels[from + channel] ?? 0) * mine + (canvas[to + channel] ?? 0) * theirs;
    canvas[to + channel] = Math.round(sum / all);
  }
  canvas[to + 3] = Math.round(all / full);
}

function clear(canvas: Samples, width: number, { left, top, width: across, height }: Frame): void {
  for (let y = top; y < top + height; y++) canvas.fill(0, (y * width + left) * 4, (y * width + left + across) * 4);
}

function copyOf(samples: Samples): Samples {
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

function bigEndian(samples: Samples): Buffer {
  return samples instanceof Uint16Array ? Buffer.from(bytesOf(samples)).swap16() : samples;
}

/** What the file says for all frames: its profile, or one that says the same, and how it lies. */
async function saidOf(file: Buffer): Promise<{ readonly icc?: Buffer | undefined; readonly orientation: number }> {
  const { icc, orientation = 1 } = await sharp(await withCurve(file), { limitInputPixels: false }).metadata();
  const grey = icc === undefined ? undefined : greyCurve(icc);
  return { orientation, icc: grey === undefined ? icc : rgbProfile(grey) };
}
