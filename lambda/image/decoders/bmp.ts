// Windows and OS/2 bitmaps of every depth. Written here, since the packages that there are make wrong pixels of half of them.
import { pngOf, type Samples } from './carrier.ts';
import { type Allow, type Decoded, type Decoder, damaged, endsEarly, notRead } from './decoder.ts';

const TITLE = 'BMP';

/** https://learn.microsoft.com/en-us/windows/win32/api/wingdi/ns-wingdi-bitmapinfoheader and -bitmapv5header */
const COMPRESSION = { rgb: 0, rle8: 1, rle4: 2, bitfields: 3, alphaBitfields: 6 } as const;

export const bmp: Decoder = {
  format: 'bmp',
  title: TITLE,
  same: 'png',
  contentType: 'image/bmp',
  // Two letters are little: where its pixels begin must make sense, too.
  takes: (body) => body.length > 26 && body.toString('latin1', 0, 2) === 'BM' && HEADERS.has(body.readUInt32LE(14)),
  decode: async (body, allow): Promise<Decoded> => ({
    body: pngOf(pixelsOf(body.subarray(14), body.readUInt32LE(10) - 14, allow)),
    format: 'png',
    pages: 1,
  }),
};

/** Sizes of the headers that there are: OS/2 1, Windows 3, with masks, OS/2 2, V4, V5. */
const HEADERS = new Set([12, 40, 52, 56, 64, 108, 124]);

/** What a bitmap's header says. */
interface BitmapHeader {
  readonly size: number;
  readonly width: number;
  /** Rows of the picture; in icons half of what the header says. */
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  readonly colours: number;
}

/**
 * The pixels of a bitmap from its header on; `start` is where they begin. In icons (`icon`) the picture has half the
 * header's height, and below it lies a mask of one bit: 1 is transparent. Throws FanoutError.
 */
export function pixelsOf(dib: Buffer, start: number | undefined, allow: Allow, icon = false): Samples {
  const header = headerOf(dib, icon);
  const { width, height, bits, compression } = header;
  allow(width, height);
  const masks = masksOf(dib, header, icon);
  const paletteAt = header.size + (header.size === 40 ? masks.bytesAfterHeader : 0);
  const entry = header.size === 12 ? 3 : 4;
  const colours = bits <= 8 ? header.colours || 2 ** bits : 0;
  const palette = dib.subarray(paletteAt, paletteAt + colours * entry);
  const at = start ?? paletteAt + (colours || header.colours) * entry;
  if (at < header.size || at > dib.length) throw damaged(TITLE, `pixels that begin at byte ${at}`);
  const pixels = Buffer.alloc(width * height * 4);
  const isRle = compression === COMPRESSION.rle8 || compression === COMPRESSION.rle4;
  const indexes = bits <= 8 ? (isRle ? runs(dib.subarray(at), header) : packed(dib, at, header)) : undefined;
  if (indexes !== undefined) fromPalette(pixels, indexes, palette, entry);
  else direct(pixels, dib, at, header, masks.masks);
  const masked = icon && applyMask(pixels, dib, at + rowBytes(width, bits) * height, header);
  const alpha = icon || masked || (masks.masks[3] ?? 0) !== 0;
  // A fourth byte that is 0 everywhere was never meant as transparency.
  if (alpha && hasAlpha(pixels)) return { width, height, channels: 4, depth: 8, data: pixels };
  return { width, height, channels: 3, depth: 8, data: withoutAlpha(pixels) };
}

function headerOf(dib: Buffer, icon: boolean): BitmapHeader {
  const size = dib.length >= 4 ? dib.readUInt32LE(0) : 0;
  if (!HEADERS.has(size)) throw notRead(TITLE, `a header of ${size} bytes`, 'one of Windows or OS/2');
  if (dib.length < size) throw endsEarly(TITLE);
  const old = size === 12;
  const width = old ? dib.readUInt16LE(4) : dib.readInt32LE(4);
  const rows = old ? dib.readInt16LE(6) : dib.readInt32LE(8);
  const bits = dib.readUInt16LE(old ? 10 : 14);
  const compression = old ? COMPRESSION.rgb : dib.readUInt32LE(16);
  const height = icon ? Math.abs(rows) >> 1 : Math.abs(rows);
  if (width < 1 || height < 1) throw damaged(TITLE, `a size of ${width} x ${height}`);
  if (![1, 2, 4, 8, 16, 24, 32].includes(bits)) throw notRead(TITLE, `${bits} bits`, '1, 2, 4, 8, 16, 24 or 32 bits');
  const known: readonly number[] = Object.values(COMPRESSION);
  // OS/2 has other compressions under the same numbers.
  if (!known.includes(compression) || (size === 64 && compression > COMPRESSION.rle4)) {
    throw notRead(TITLE, `compression ${compression}`, 'none, RLE or bit fields');
  }
  const rle = compression === COMPRESSION.rle8 ? 8 : compression === COMPRESSION.rle4 ? 4 : undefined;
  if (rle !== undefined && bits !== rle) throw damaged(TITLE, `RLE${rle} with ${bits} bits`);
  return { size, width, height, topDown: rows < 0, bits, compression, colours: old ? 0 : dib.readUInt32LE(32) };
}

/** Which bits are red, green, blue and alpha. Without bit fields a bitmap's fourth byte is not used; an icon's is alpha. */
function masksOf(dib: Buffer, { size, bits, compression }: BitmapHeader, icon: boolean) {
  const own = compression === COMPRESSION.bitfields || compression === COMPRESSION.alphaBitfields;
  if (!own) {
    const masks =
      bits === 16 ? [0x7c00, 0x03e0, 0x001f, 0] : [0xff0000, 0xff00, 0xff, icon && bits === 32 ? 0xff000000 : 0];
    return { masks, bytesAfterHeader: 0 };
  }
  const fields = compression === COMPRESSION.alphaBitfields || size >= 56 ? 4 : 3;
  if (dib.length < 40 + fields * 4) throw endsEarly(TITLE);
  const masks = Array.from({ length: 4 }, (_, place) => (place < fields ? dib.readUInt32LE(40 + place * 4) : 0));
  return { masks, bytesAfterHeader: fields * 4 };
}

/** Rows are padded to four bytes. */
function rowBytes(width: number, bits: number): number {
  return Math.ceil((width * bits) / 32) * 4;
}

function rowOf({ topDown, height }: BitmapHeader, y: number): number {
  return topDown ? y : height - 1 - y;
}

/** One index per pixel of rows that are packed into bytes, the leftmost in the highest bits. */
function packed(dib: Buffer, at: number, header: BitmapHeader): Buffer {
  const { width, height, bits } = header;
  const row = rowBytes(width, bits);
  if (at + row * (height - 1) + Math.ceil((width * bits) / 8) > dib.length) throw endsEarly(TITLE);
  const indexes = Buffer.alloc(width * height);
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  for (let y = 0; y < height; y++) {
    const from = at + rowOf(header, y) * row;
    for (let x = 0; x < width; x++) {
      const byte = dib[from + Math.floor(x / perByte)] ?? 0;
      indexes[y * width + x] = (byte >> ((perByte - 1 - (x % perByte)) * bits)) & mask;
    }
  }
  return indexes;
}

/** One index per pixel of run-length encoded rows. What a file leaves out is index 0. */
function runs(data: Buffer, header: BitmapHeader): Buffer {
  const { width, height, bits } = header;
  const indexes = Buffer.alloc(width * height);
  let [x, y, at] = [0, 0, 0];
  const put = (index: number): void => {
    if (x < width && y < height) indexes[rowOf(header, y) * width + x] = index;
    x += 1;
  };
  const pixel = (from: number, place: number): number => {
    if (bits === 8) return data[from + place] ?? 0;
    const byte = data[from + (place >> 1)] ?? 0;
    return place % 2 === 0 ? byte >> 4 : byte & 15;
  };
  while (y < height) {
    if (at + 2 > data.length) throw endsEarly(TITLE);
    const [count, value] = [data[at] ?? 0, data[at + 1] ?? 0];
    at += 2;
    if (count > 0) {
      for (let place = 0; place < count; place++) put(bits === 8 ? value : place % 2 === 0 ? value >> 4 : value & 15);
    } else if (value === 0) {
      x = 0;
      y += 1;
    } else if (value === 1) break;
    else if (value === 2) {
      x += data[at] ?? 0;
      y += data[at + 1] ?? 0;
      at += 2;
    } else {
      for (let place = 0; place < value; place++) put(pixel(at, place));
      // Literals are padded to two bytes.
      at += Math.ceil((value * bits) / 16) * 2;
    }
  }
  return indexes;
}

function fromPalette(pixels: Buffer, indexes: Buffer, palette: Buffer, entry: number): void {
  for (let place = 0; place < indexes.length; place++) {
    const at = (indexes[place] ?? 0) * entry;
    pixels[place * 4] = palette[at + 2] ?? 0;
    pixels[place * 4 + 1] = palette[at + 1] ?? 0;
    pixels[place * 4 + 2] = palette[at] ?? 0;
    pixels[place * 4 + 3] = 255;
  }
}

function direct(pixels: Buffer, dib: Buffer, at: number, header: BitmapHeader, masks: readonly number[]): void {
  const { width, height, bits } = header;
  const [bytes, row] = [bits / 8, rowBytes(width, bits)];
  if (at + row * (height - 1) + width * bytes > dib.length) throw endsEarly(TITLE);
  const channels = masks.map(channelOf);
  for (let y = 0; y < height; y++) {
    const from = at + rowOf(header, y) * row;
    for (let x = 0; x < width; x++) {
      const value = dib.readUIntLE(from + x * bytes, bytes);
      const to = (y * width + x) * 4;
      for (let channel = 0; channel < 4; channel++) pixels[to + channel] = channels[channel]?.(value) ?? 255;
    }
  }
}

/** Reads the bits of a mask as 0 to 255; without a mask 255. */
function channelOf(mask: number): ((value: number) => number) | undefined {
  if (mask === 0) return undefined;
  const lowest = mask & -mask;
  const shift = 31 - Math.clz32(lowest);
  const largest = (mask >>> shift) >>> 0;
  return (value) => Math.round(((((value & mask) >>> 0) >>> shift) * 255) / largest);
}

/** Makes transparent what an icon's mask says, where the pixels have no alpha of their own. */
function applyMask(pixels: Buffer, dib: Buffer, at: number, header: BitmapHeader): boolean {
  const { width, height, bits } = header;
  if (bits === 32 && hasAlpha(pixels)) return true;
  const row = rowBytes(width, 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = dib[at + rowOf(header, y) * row + (x >> 3)] ?? 0;
      pixels[(y * width + x) * 4 + 3] = (byte >> (7 - (x % 8))) & 1 ? 0 : 255;
    }
  }
  return true;
}

function hasAlpha(pixels: Buffer): boolean {
  for (let at = 3; at < pixels.length; at += 4) if (pixels[at] !== 0) return true;
  return false;
}

function withoutAlpha(pixels: Buffer): Buffer {
  const data = Buffer.allocUnsafe((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    data[to] = pixels[from] ?? 0;
    data[to + 1] = pixels[from + 1] ?? 0;
    data[to + 2] = pixels[from + 2] ?? 0;
  }
  return data;
}
