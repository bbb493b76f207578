// Decoded pixels as a file that sharp reads at once: an uncompressed PNG with profile and EXIF, or a TIFF where they are CMYK.
import { crc32, deflateSync } from 'node:zlib';

/** Pixels side by side, rows without padding; 16-bit samples are big-endian. */
export interface Samples {
  readonly width: number;
  readonly height: number;
  /** Grey, grey with alpha, RGB, RGB with alpha. */
  readonly channels: 1 | 2 | 3 | 4;
  readonly depth: 8 | 16;
  readonly data: Uint8Array;
  readonly icc?: Uint8Array | undefined;
  /** From the TIFF header on. Its orientation is set to 1: decoders hand over upright pixels. */
  readonly exif?: Uint8Array | undefined;
  /** An XMP packet. */
  readonly xmp?: Uint8Array | undefined;
}

/** PNG's colour type by number of channels. https://www.w3.org/TR/png-3/#11IHDR */
const COLOUR_TYPE = [0, 0, 4, 2, 6] as const;
const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** An uncompressed PNG: written and read at memory speed. https://www.w3.org/TR/png-3/ */
export function pngOf({ width, height, channels, depth, data, icc, exif, xmp }: Samples): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, COLOUR_TYPE[channels], 0, 0, 0], 8);
  const row = width * channels * (depth / 8);
  // Each row begins with its filter: none.
  const rows = Buffer.alloc((row + 1) * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const chunks = [chunk('IHDR', header)];
  if (icc !== undefined)
    chunks.push(chunk('iCCP', Buffer.concat([Buffer.from('icc\0\0', 'latin1'), deflateSync(icc)])));
  if (exif !== undefined) chunks.push(chunk('eXIf', turnedUpright(exif)));
  if (xmp !== undefined) {
    chunks.push(chunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\0\0\0\0', 'latin1'), xmp])));
  }
  chunks.push(chunk('IDAT', deflateSync(rows, { level: 0 })), chunk('IEND', Buffer.alloc(0)));
  return Buffer.concat([SIGNATURE, ...chunks]);
}

/** A chunk of a PNG, with its length and checksum. */
export function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}

/** EXIF whose IFD0 says that the image is upright. Damaged EXIF is left as it is: nobody reads an orientation from it. */
export function turnedUpright(exif: Uint8Array): Buffer {
  const copy = Buffer.from(exif);
  const little = copy.toString('latin1', 0, 2) === 'II';
  if (copy.length < 10 || !(little || copy.toString('latin1', 0, 2) === 'MM')) return copy;
  const u16 = (at: number): number => (little ? copy.readUInt16LE(at) : copy.readUInt16BE(at));
  const start = little ? copy.readUInt32LE(4) : copy.readUInt32BE(4);
  if (start + 2 > copy.length) return copy;
  const end = Math.min(start + 2 + u16(start) * 12, copy.length - 11);
  for (let at = start + 2; at < end; at += 12) {
    if (u16(at) !== 0x0112) continue;
    if (little) copy.writeUInt16LE(1, at + 8);
    else copy.writeUInt16BE(1, at + 8);
  }
  return copy;
}

/** CMYK of 8 bits, 255 for all ink, as an uncompressed TIFF. */
export function cmykTiffOf(width: number, height: number, data: Uint8Array, icc?: Uint8Array): Buffer {
  const picture = { width, height, channels: 4, depth: 8, photometric: PHOTOMETRIC.cmyk } as const;
  return tiffOf({ ...picture, icc, orientation: 1, frames: [data] });
}

/** Frames of one size, RGB or with alpha, as the pages of an uncompressed TIFF; 16-bit samples are little-endian. */
export function framesTiffOf(frames: Omit<Pages, 'photometric'> & { readonly channels: 3 | 4 }): Buffer {
  return tiffOf({ ...frames, photometric: PHOTOMETRIC.rgb });
}

interface Pages {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly depth: 8 | 16;
  readonly photometric: number;
  readonly icc?: Uint8Array | undefined;
  /** As in EXIF. */
  readonly orientation: number;
  readonly frames: readonly Uint8Array[];
}

const PHOTOMETRIC = { rgb: 2, cmyk: 5 } as const;
const UNASSOCIATED_ALPHA = 2;

/** Page after page, each with its directory before its pixels. https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf */
function tiffOf({ width, height, channels, depth, photometric, icc, orientation, frames }: Pages): Buffer {
  const SHORT = 3;
  const LONG = 4;
  const UNDEFINED = 7;
  const iccAt = 8;
  const iccBytes = Math.ceil((icc?.length ?? 0) / 4) * 4;
  const alpha = channels === 4 && photometric === PHOTOMETRIC.rgb;
  const parts: Buffer[] = [Buffer.alloc(iccAt + iccBytes)];
  parts[0]?.write('II*\0', 'latin1');
  parts[0]?.writeUInt32LE(iccAt + iccBytes, 4);
  if (icc !== undefined) parts[0]?.set(icc, iccAt);
  let at = iccAt + iccBytes;
  for (const [place, data] of frames.entries()) {
    const count = 11 + (alpha ? 1 : 0) + (icc === undefined ? 0 : 1);
    const bitsAt = at + 2 + count * 12 + 4;
    const pixelsAt = bitsAt + channels * 2;
    const end = pixelsAt + data.length + (data.length % 2);
    const tags: (readonly [tag: number, type: number, count: number, value: number])[] = [
      [256, LONG, 1, width],
      [257, LONG, 1, height],
      [258, SHORT, channels, bitsAt],
      [259, SHORT, 1, 1],
      [262, SHORT, 1, photometric],
      [273, LONG, 1, pixelsAt],
      [274, SHORT, 1, orientation],
      [277, SHORT, 1, channels],
      [278, LONG, 1, height],
      [279, LONG, 1, data.length],
      [284, SHORT, 1, 1],
      ...(alpha ? ([[338, SHORT, 1, UNASSOCIATED_ALPHA]] as const) : []),
      ...(icc === undefined ? [] : ([[34_675, UNDEFINED, icc.length, iccAt]] as const)),
    ];
    const head = Buffer.alloc(pixelsAt - at);
    head.writeUInt16LE(tags.length, 0);
    for (const [entry, [tag, type, values, value]] of tags.entries()) {
      head.writeUInt16LE(tag, 2 + entry * 12);
      head.writeUInt16LE(type, 4 + entry * 12);
      head.writeUInt32LE(values, 6 + entry * 12);
      head.writeUInt32LE(value, 10 + entry * 12);
    }
    head.writeUInt32LE(place === frames.length - 1 ? 0 : end, 2 + tags.length * 12);
    for (let channel = 0; channel < channels; channel++) head.writeUInt16LE(depth, bitsAt - at + channel * 2);
    parts.push(head, Buffer.from(data.buffer, data.byteOffset, data.length), Buffer.alloc(data.length % 2));
    at = end;
  }
  return Buffer.concat(parts);
}
