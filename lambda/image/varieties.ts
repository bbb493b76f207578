// Varieties of formats that this build of libvips does not read, or reads wrong: told by a look at the file, before a pixel is made.
import { FanoutError } from '../contract/errors.ts';
import type { SourceFormat } from './sniff.ts';
import { chainOf, isBigTiff, TAG, tiffOf, valuesOf } from './tiff-tags.ts';

/** Throws UnsupportedImage for what is not read. What is damaged is left to the decoder. */
export function refuseVariety(body: Buffer, format: SourceFormat, page = 0): void {
  const met = format === 'jpeg' ? jpegVariety(body) : format === 'tiff' ? tiffVariety(body, page) : undefined;
  if (met === undefined) return;
  const expected = EXPECTED[format] ?? '';
  throw new FanoutError('UnsupportedImage', `${format.toUpperCase()} with ${met} is not read: expected ${expected}`, {
    expected,
    met,
  });
}

const EXPECTED: Readonly<Record<string, string>> = {
  jpeg: 'baseline or progressive JPEG of 8 bits',
  tiff: 'bilevel, grey, RGB or CMYK of 1 to 16 bits, not floating point, in strips or tiles',
};

/** The process of a frame by its marker, where it is not one that is read. ITU-T T.81, table B.1; T.87 for JPEG-LS. */
const PROCESSES: Readonly<Record<number, string>> = {
  195: 'lossless compression',
  197: 'hierarchical compression',
  198: 'hierarchical compression',
  199: 'lossless compression',
  203: 'lossless compression',
  205: 'hierarchical compression',
  206: 'hierarchical compression',
  207: 'lossless compression',
  247: 'lossless compression (JPEG-LS)',
};

/** The first frame's process and precision. */
function jpegVariety(body: Buffer): string | undefined {
  let at = 2;
  while (at + 5 <= body.length && body[at] === 0xff) {
    const marker = body[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (PROCESSES[marker] !== undefined) return PROCESSES[marker];
    if (marker >= 0xc0 && marker <= 0xca && marker !== 0xc4 && marker !== 0xc8) {
      const bits = body[at + 4];
      return bits === 8 ? undefined : `${bits} bits`;
    }
    if (marker === 0xda || marker === 0xd9) return undefined;
    at += 2 + body.readUInt16BE(at + 2);
  }
  return undefined;
}

/** TIFF 6.0 and libtiff's list of compressions. */
const COMPRESSIONS: Readonly<Record<number, string>> = {
  6: 'old-style JPEG compression',
  34661: 'JBIG compression',
  34676: 'SGI log compression',
  34677: 'SGI log compression',
  34712: 'JPEG 2000 compression',
  34887: 'LERC compression',
  34925: 'LZMA compression',
  50000: 'Zstandard compression',
  50001: 'WebP compression',
  50002: 'JPEG XL compression',
};
const CMYK = 5;
const CIELAB = 8;
const FLOAT = 3;
const SEPARATE_PLANES = 2;

/**
 * A page's compression and samples. Floating point has no white that all agree on, 32-bit integers come out as
 * noise, tiles of CMYK and of separate planes garbled, and Lab of 8 bits not at all.
 */
function tiffVariety(body: Buffer, page: number): string | undefined {
  // Of BigTIFF libvips says what it reads.
  const tiff = isBigTiff(body) ? undefined : tiffOf(body);
  const first = tiff && chainOf(tiff)[page];
  if (tiff === undefined || first === undefined) return undefined;
  const number = (tag: number): number | undefined => first.get(tag)?.value;
  const compression = COMPRESSIONS[number(TAG.compression) ?? 1];
  if (compression !== undefined) return compression;
  const formats = first.get(TAG.sampleFormat);
  if (formats !== undefined && valuesOf(tiff, formats).includes(FLOAT)) return 'floating point samples';
  const depths = first.get(TAG.bitsPerSample);
  const odd = (depths === undefined ? [] : valuesOf(tiff, depths)).find((bits) => ![1, 2, 4, 8, 16].includes(bits));
  if (odd !== undefined) return `${odd} bits per sample`;
  const photometric = number(TAG.photometric);
  const bits = depths === undefined ? 1 : valuesOf(tiff, depths)[0];
  if (photometric === CIELAB && bits === 8) return 'Lab colour of 8 bits';
  if (!first.has(TAG.tileWidth)) return undefined;
  if (photometric === CMYK) return 'CMYK in tiles';
  return number(TAG.planarConfiguration) === SEPARATE_PLANES ? 'separate planes in tiles' : undefined;
}
