// GIFs that leave a part of their canvas undrawn without naming a transparent colour: browsers show nothing there, libvips the background or black.

interface Frame {
  /** Where its graphic control extension stands; undefined when it has none. */
  readonly control?: number | undefined;
  /** Where its image descriptor stands. */
  readonly at: number;
  readonly rect: readonly [left: number, top: number, right: number, bottom: number];
  /** 2: the area is cleared once the frame has been shown. */
  readonly disposal: number;
  readonly transparent: boolean;
  /** Where its compressed indices begin, with the code size. */
  readonly data: number;
}

const EXTENSION = 0x21;
const CONTROL = 0xf9;
const IMAGE = 0x2c;
const CLEARED = 2;
const COLOURS = 256;

/**
 * The same GIF with a transparent colour that no pixel uses, where something of the canvas stays undrawn; else the very
 * bytes. A frame that uses all 256 colours has no room for one and stays as it is. Damaged files are left to the decoder.
 * https://www.w3.org/Graphics/GIF/spec-gif89a.txt, sections 20 and 23
 */
export function withTransparency(body: Buffer): Buffer {
  const read = framesOf(body);
  if (read === undefined || !leavesGaps(read.frames, read.width, read.height)) return body;
  const parts: Buffer[] = [];
  let done = 0;
  for (const { control, at, transparent, data } of read.frames) {
    if (transparent) continue;
    const index = unusedIndex(body, data);
    if (index === undefined) continue;
    if (control === undefined) {
      parts.push(body.subarray(done, at), Buffer.from([EXTENSION, CONTROL, 4, 1, 0, 0, index, 0]));
      done = at;
    } else {
      const flags = (body[control + 3] ?? 0) | 1;
      parts.push(body.subarray(done, control + 3), Buffer.from([flags]), body.subarray(control + 4, control + 6));
      parts.push(Buffer.from([index]));
      done = control + 7;
    }
  }
  return parts.length === 0 ? body : Buffer.concat([...parts, body.subarray(done)]);
}

function framesOf(
  body: Buffer,
): { readonly width: number; readonly height: number; readonly frames: Frame[] } | undefined {
  try {
    const [width, height] = [body.readUInt16LE(6), body.readUInt16LE(8)];
    const frames: Frame[] = [];
    let at = 13 + tableBytes(body.readUInt8(10));
    let control: number | undefined;
    for (;;) {
      const block = body.readUInt8(at);
      if (block === EXTENSION) {
        if (body.readUInt8(at + 1) === CONTROL && body.readUInt8(at + 2) === 4) control = at;
        at = afterBlocks(body, at + 2);
      } else if (block === IMAGE) {
        const [left, top] = [body.readUInt16LE(at + 1), body.readUInt16LE(at + 3)];
        const rect = [left, top, left + body.readUInt16LE(at + 5), top + body.readUInt16LE(at + 7)] as const;
        const flags = control === undefined ? 0 : body.readUInt8(control + 3);
        const data = at + 10 + tableBytes(body.readUInt8(at + 9));
        frames.push({ control, at, rect, disposal: (flags >> 2) & 7, transparent: (flags & 1) === 1, data });
        at = afterBlocks(body, data + 1);
        control = undefined;
      } else {
        return { width, height, frames };
      }
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function tableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

function afterBlocks(body: Buffer, from: number): number {
  let at = from;
  for (let size = body.readUInt8(at); size !== 0; size = body.readUInt8(at)) at += 1 + size;
  return at + 1;
}

/** Whether a part of the canvas is not drawn: beside the first frame, or where a cleared frame is not drawn over at once. */
function leavesGaps(frames: readonly Frame[], width: number, height: number): boolean {
  const [first] = frames;
  if (first === undefined || !covers(first.rect, [0, 0, width, height])) return first !== undefined;
  return frames.some(({ disposal, rect }, place) => {
    const next = frames[place + 1];
    return disposal === CLEARED && next !== undefined && !covers(next.rect, rect);
  });
}

function covers(outer: Frame['rect'], inner: Frame['rect']): boolean {
  return outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3];
}

/** A colour index that no pixel of a frame has. */
function unusedIndex(body: Buffer, data: number): number | undefined {
  const bits = body[data] ?? 0;
  if (bits < 8) return COLOURS - 1;
  const used = usedIndices(body, data + 1);
  const free = used.lastIndexOf(0);
  return free === -1 ? undefined : free;
}

/** Which of 256 indices compressed data of 8 bits holds: LZW, read for the first index of each code, as the others stand in earlier codes. */
function usedIndices(body: Buffer, from: number): Uint8Array {
  const used = new Uint8Array(COLOURS);
  const [clear, end] = [COLOURS, COLOURS + 1];
  let [size, next, bits, held] = [9, end + 1, 0, 0];
  let fresh = true;
  for (let at = from; (body[at] ?? 0) !== 0; at += 1 + (body[at] ?? 0)) {
    for (const byte of body.subarray(at + 1, at + 1 + (body[at] ?? 0))) {
      held |= byte << bits;
      bits += 8;
      while (bits >= size) {
        const code = held & ((1 << size) - 1);
        held >>>= size;
        bits -= size;
        if (code === end) return used;
        if (code === clear) {
          [size, next, fresh] = [9, end + 1, true];
          continue;
        }
        // Every index of a longer code was a code of its own when that was made.
        if (code < COLOURS) used[code] = 1;
        if (!fresh && next < 4096) next += 1;
        fresh = false;
        if (next === 1 << size && size < 12) size += 1;
      }
    }
  }
  return used;
}
