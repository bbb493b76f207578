// Animated PNG: its frames as a browser shows them, laid over one another. Each frame's own pixels are read by sharp.
import { type Allow, type Decoded, type Decoder, damaged, endsEarly, type Wanted } from './decoder.ts';
import {
  type Canvas,
  chunksOf,
  copyOf,
  movingTiff,
  PNG_SIGNATURE,
  pngFrom,
  type Samples,
  saidOf,
  samplesOf,
} from './moving.ts';

const TITLE = 'PNG animation';
/** Chunks that pixels cannot be told without; what else a file says of them is heeded for all frames together. */
const NEEDED = new Set(['PLTE', 'tRNS']);
/** https://www.w3.org/TR/png-3/#fcTL-chunk */
const DISPOSE = { background: 1, previous: 2 } as const;
const OVER = 1;
const MOST_DELAY = 65_535;

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
  readonly needed: readonly { readonly type: string; readonly data: Buffer }[];
  readonly frames: readonly Frame[];
  readonly loop: number;
}

export const apng: Decoder = {
  format: 'apng',
  title: TITLE,
  same: 'png',
  contentType: 'image/apng',
  animates: true,
  takes: (body) => body.subarray(0, 8).equals(PNG_SIGNATURE) && announced(body) > 1,
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

/** Throws TruncatedImage, CorruptImage. */
function read(body: Buffer): Animation {
  const needed: { readonly type: string; readonly data: Buffer }[] = [];
  const frames: Frame[] = [];
  let header: Buffer | undefined;
  let [count, loop] = [0, 0];
  for (const { type, data } of chunksOf(body, () => endsEarly(TITLE))) {
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
  const canvas: Canvas = {
    width: header.readUInt32BE(0),
    height: header.readUInt32BE(4),
    depth: header[8] === 16 ? 16 : 8,
  };
  const pages = frames.length;
  const count = wanted.frames ? pages : 1;
  allow(canvas.width, canvas.height, count);
  const body = movingTiff(await played(animation, count, canvas), canvas, await saidOf(file));
  const timing = { delay: frames.map(({ delay }) => delay), loop };
  return { body, format: 'tiff', pages, ...(wanted.frames ? { timing } : {}) };
}

/** What is seen of the first frames, one after the other. https://www.w3.org/TR/png-3/#apng-frame-based-animation */
async function played(
  { header, needed, frames }: Animation,
  count: number,
  { width, height, depth }: Canvas,
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
async function pixelsOf(header: Buffer, needed: Animation['needed'], frame: Frame, depth: 8 | 16): Promise<Samples> {
  const size = Buffer.from(header);
  size.writeUInt32BE(frame.width, 0);
  size.writeUInt32BE(frame.height, 4);
  const pixels = { type: 'IDAT', data: Buffer.concat(frame.data) };
  return samplesOf(pngFrom([{ type: 'IHDR', data: size }, ...needed, pixels]), depth);
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
