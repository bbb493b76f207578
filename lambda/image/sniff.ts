// What a file is by its content, never by its name; and whether it ends too early.
import { constants, gunzipSync } from 'node:zlib';
import type { UntrustedFormat } from '../recipe/names.ts';
import type { DecodedFormat } from './decoders/decoder.ts';
import { decoderOf } from './decoders/decoders.ts';
import { otherFile } from './other-files.ts';
import { beginsAsSvg } from './svg.ts';

/** What sharp can be asked to read, and what a decoder makes readable for it. */
export type SourceFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'heif' | 'svg' | UntrustedFormat | DecodedFormat;

export type Sniffed =
  | { readonly kind: 'image'; readonly format: SourceFormat }
  /** An image, but of a kind that no recipe can allow. */
  | { readonly kind: 'unsupported'; readonly what: string }
  /** No image; `what` is set when it is known what instead. */
  | { readonly kind: 'none'; readonly what?: string };

type Magic = readonly [offset: number, bytes: string, found: SourceFormat | { readonly what: string }];

/** First match wins. Bytes are Latin-1. */
const MAGIC: readonly Magic[] = [
  [0, '\xff\xd8\xff', 'jpeg'],
  [0, '\x89PNG\r\n\x1a\n', 'png'],
  [0, 'GIF87a', 'gif'],
  [0, 'GIF89a', 'gif'],
  [0, 'II*\0', 'tiff'],
  [0, 'MM\0*', 'tiff'],
  [0, 'II+\0', 'tiff'],
  [0, 'MM\0+', 'tiff'],
  [0, 'SIMPLE  =', 'fits'],
  [0, '\x76\x2f\x31\x01', 'exr'],
  [0, '#?RADIANCE', 'rad'],
  [0, 'DDS ', { what: 'DDS' }],
  [0, 'qoif', { what: 'QOI' }],
  [0, 'gimp xcf ', { what: 'GIMP XCF' }],
];

/** Brands of ISO base media files that hold still images. */
const HEIF_BRANDS = ['avif', 'avis', 'heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1', 'mif2', 'heif'];

/** Says what a file is, from its content alone. */
export function sniff(body: Buffer): Sniffed {
  // Before sharp's own: camera raw files begin like TIFF, HEIC like AVIF.
  const decoder = decoderOf(body);
  if (decoder !== undefined) return { kind: 'image', format: decoder.format };
  if (body.toString('latin1', 0, 4) === 'RIFF' && body.toString('latin1', 8, 12) === 'WEBP')
    return { kind: 'image', format: 'webp' };
  for (const [offset, bytes, found] of MAGIC) {
    if (body.toString('latin1', offset, offset + bytes.length) !== bytes) continue;
    return typeof found === 'string' ? { kind: 'image', format: found } : { kind: 'unsupported', what: found.what };
  }
  if (/^P[1-6fF][\s#]/.test(body.toString('latin1', 0, 3))) return { kind: 'image', format: 'ppm' };
  if (body.toString('latin1', 4, 8) === 'ftyp') return isoMedia(body);
  if (isSvg(body)) return { kind: 'image', format: 'svg' };
  const what = otherFile(body);
  return { kind: 'none', ...(what === undefined ? {} : { what }) };
}

function isoMedia(body: Buffer): Sniffed {
  const end = Math.min(body.readUInt32BE(0), body.length, 256);
  for (let at = 8; at + 4 <= end; at += 4) {
    if (HEIF_BRANDS.includes(body.toString('latin1', at, at + 4))) return { kind: 'image', format: 'heif' };
  }
  // An image's boxes behind a brand that nobody knows: damaged, which is sharp's to say.
  if (body.includes('av01') || body.includes('ispe')) return { kind: 'image', format: 'heif' };
  const brand = body.toString('latin1', 8, 12);
  const sound = /^M4[AB] $/.test(brand);
  return { kind: 'none', what: sound ? 'an MP4 sound' : brand === 'qt  ' ? 'a QuickTime video' : 'an MP4 video' };
}

/** libvips looks for the tag in the first 1000 bytes; compressed SVG is looked at the same way. */
function isSvg(body: Buffer): boolean {
  const head = body.subarray(0, 2).equals(GZIP) ? firstInflated(body) : body;
  const text = head.toString('latin1', 0, 4000).replaceAll('\0', '');
  if (beginsAsSvg(head.toString('utf8', 0, 1024 * 1024))) return true;
  return /<(?:[a-z]+:)?svg[\s>/]/i.test(text) && /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*</.test(text);
}

const GZIP = Buffer.from([0x1f, 0x8b]);

function firstInflated(body: Buffer): Buffer {
  try {
    // The first piece is enough, and keeps a compression bomb from going off.
    return gunzipSync(body.subarray(0, 262_144), {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: 64 * 1024 * 1024,
    }).subarray(0, 1024 * 1024);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Whether the file lacks the end that its format demands: what tells a truncated image from a damaged one. */
export function endsEarly(format: SourceFormat, body: Buffer): boolean {
  switch (format) {
    case 'jpeg':
      return jpegEndsEarly(body);
    case 'png':
      return !body.includes('IEND', 8, 'latin1');
    case 'gif':
      return body.lastIndexOf(0x3b) < body.length - 16;
    case 'webp':
      return body.length < body.readUInt32LE(4) + 8;
    case 'heif':
      return boxesEndEarly(body);
    case 'tiff':
      return body.length < 8 || tiffDirectory(body) + 2 > body.length;
    case 'svg':
      // Of plain text the parser itself says that it ends early.
      return body.subarray(0, 2).equals(GZIP) && gzipEndsEarly(body);
    default:
      return false;
  }
}

/** Whether no end-of-image marker follows the first scan. What comes before is skipped by length: thumbnails have markers of their own. */
function jpegEndsEarly(body: Buffer): boolean {
  let at = 2;
  while (at + 4 <= body.length && body[at] === 0xff) {
    const marker = body[at + 1] ?? 0;
    // From the end, where the marker is in all but a few files: a photo has megabytes in between.
    if (marker === 0xda) return body.lastIndexOf(END_OF_IMAGE) < at;
    // Fill bytes and markers without a length.
    at +=
      marker === 0xff ? 1 : marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8) ? 2 : 2 + body.readUInt16BE(at + 2);
  }
  return body.lastIndexOf(END_OF_IMAGE) < Math.min(at, body.length);
}

const END_OF_IMAGE = Buffer.from([0xff, 0xd9]);

function tiffDirectory(body: Buffer): number {
  return body[0] === 0x49 ? body.readUInt32LE(4) : body.readUInt32BE(4);
}

function boxesEndEarly(body: Buffer): boolean {
  let at = 0;
  while (at + 8 <= body.length) {
    const size = body.readUInt32BE(at);
    if (size === 0) return false;
    // 64-bit sizes are followed as far as files of this size need: the low half.
    const length = size === 1 && at + 16 <= body.length ? body.readUInt32BE(at + 12) : size;
    if (length < 8) return false;
    at += length;
  }
  return at !== body.length;
}

function gzipEndsEarly(body: Buffer): boolean {
  try {
    gunzipSync(body, { maxOutputLength: 64 * 1024 * 1024 });
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR';
  }
}
